"""The write-ahead log on disk: segments of checksummed frames, one series of segments per writer."""
