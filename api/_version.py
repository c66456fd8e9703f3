"""The version of the package and of the formats it speaks."""

__version__ = "0.1.0"

#: Major number of the write-ahead log and of the wire; a reader refuses a newer one.
FORMAT_MAJOR = 1
#: Minor number; grows with additions that an older reader may skip.
FORMAT_MINOR = 0
