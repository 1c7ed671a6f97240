-- What the indexes of the migration before took the place of.
-- depends: 0013_covering_indexes

DROP INDEX delivery_from_lower_born_idx;
DROP INDEX delivery_from_lower_born_idx1;
DROP INDEX delivery_from_lower_born_idx2;
DROP INDEX delivery_from_lower_born_idx3;
DROP INDEX delivery_from_status_idx;
DROP INDEX delivery_to_lower_born_idx;
DROP INDEX delivery_to_lower_born_idx1;
DROP INDEX delivery_to_lower_born_idx3;
