"""Read and write images, landmarks and transforms."""

from regkit.io.atomic_output import OutputStage as OutputStage
from regkit.io.atomic_output import atomic_output as atomic_output
from regkit.io.images import read_volume as read_volume
from regkit.io.images import write_volume as write_volume
from regkit.io.labeled_image import LabeledImage as LabeledImage
from regkit.io.labels import read_labels as read_labels
from regkit.io.labels import read_mask as read_mask
from regkit.io.landmarks import read_landmarks as read_landmarks
from regkit.io.landmarks import write_landmarks as write_landmarks
