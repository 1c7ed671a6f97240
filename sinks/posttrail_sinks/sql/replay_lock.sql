-- Sinks wait until the swap is done; readers do not. In the order in which sinks take their locks.
LOCK TABLE delivery_from, delivery_to, noqueue, log_gap, short_bundle, sink_offset
IN SHARE ROW EXCLUSIVE MODE
