"""The benchmark behind `pyengine bench`: what it measures (kernels.py, training.py), how (timing.py), against whom."""
