"""Weather records: the table, their pages, edits, files, and writes of many.

Face: `table` is one record in DynamoDB and the rules for its values; `changes` writes one unless it changed
meanwhile; `paging`, `views` and `edits` serve the table on screen; `csv_file`, `file_comparison` and `batch_writes`
serve files.
"""
