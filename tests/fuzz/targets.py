"""All fuzz targets that have a file of seeds in tests/fuzz/corpus: name -> what takes any bytes, and fails where core and twin differ."""

from tests.fuzz import doors, records, segments, stages, text

TARGETS = text.TARGETS | records.TARGETS | segments.TARGETS | stages.TARGETS | doors.TARGETS
