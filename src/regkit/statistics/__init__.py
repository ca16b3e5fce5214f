"""Statistics of benchmark records, with patients as clusters and failures counted."""

from regkit.statistics.summarize_records import summarize as summarize
from regkit.statistics.summary import StatisticsSettings as StatisticsSettings
from regkit.statistics.summary import Summary as Summary
