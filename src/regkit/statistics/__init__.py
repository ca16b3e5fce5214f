"""What the records of a benchmark say, with patients as clusters and failures counted."""

from regkit.statistics.summarise import summarise as summarise
from regkit.statistics.summary import StatisticsSettings as StatisticsSettings
from regkit.statistics.summary import Summary as Summary
