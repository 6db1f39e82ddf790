"""What a training leaves behind and how it is read: records, their keys, tables of results, curves and figures."""
