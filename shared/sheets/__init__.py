"""Lists of people as workbooks: read safely, checked cell by cell, given back with what is wrong in each row."""
