-- Statement triggers with transition tables: one INSERT for all rows that a statement changed.
CREATE TRIGGER events_made AFTER INSERT ON delivery_from
REFERENCING NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION mark_mails();
CREATE TRIGGER events_updated AFTER UPDATE ON delivery_from
REFERENCING OLD TABLE AS before NEW TABLE AS changed
FOR EACH STATEMENT EXECUTE FUNCTION mark_updated_mails();
CREATE TRIGGER events_gone AFTER DELETE ON delivery_from
REFERENCING OLD TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION mark_mails();

CREATE TRIGGER events_made AFTER INSERT ON delivery_to
REFERENCING NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION mark_recipients();
CREATE TRIGGER events_updated AFTER UPDATE ON delivery_to
REFERENCING OLD TABLE AS before NEW TABLE AS changed
FOR EACH STATEMENT EXECUTE FUNCTION mark_updated_recipients();
CREATE TRIGGER events_gone AFTER DELETE ON delivery_to
REFERENCING OLD TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION mark_recipients()
