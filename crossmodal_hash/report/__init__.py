"""What scores look like: records, tables, curves, galleries, and the page that holds them all."""
