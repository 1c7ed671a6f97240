-- What a replay knows beside the rows: its window, what it read, whose mails it is about.
CREATE TABLE {shadow}.replay_window (part integer, first_offset bigint, end_offset bigint);
CREATE TABLE {shadow}.replay_read (part integer, first_offset bigint, end_offset bigint);
CREATE TABLE {shadow}.replay_host (host text COLLATE "C", first bigint, last bigint);
CREATE TABLE {shadow}.replay_id (
    queue_id text COLLATE "C", host text COLLATE "C", instance text COLLATE "C",
    PRIMARY KEY (queue_id, host, instance)
);
-- Ids with lines that came too late for the comparison, or that still wait for their mail.
CREATE TABLE {shadow}.replay_moving (
    queue_id text COLLATE "C", host text COLLATE "C", instance text COLLATE "C",
    PRIMARY KEY (queue_id, host, instance)
)
