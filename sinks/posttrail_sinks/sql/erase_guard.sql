SELECT guard_erased()
