"""A method whose library takes the process along when it is imported."""

import os

os.abort()
