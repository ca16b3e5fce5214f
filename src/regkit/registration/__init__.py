"""Running a method: initial transform, parameters, chains of methods, verdict."""
