"""Related records in the core: levels of a read, batched loading of far ends, semi-joins, groups."""
