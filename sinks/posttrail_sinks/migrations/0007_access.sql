-- Who may see what: a visitor sees the mails from and to the domains of a setting, and every look-up
-- of the web page is written down. The policies themselves are in sql/roles.sql, for they name roles.
-- depends: 0006_search

CREATE TABLE audit_lookup (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    t timestamptz NOT NULL DEFAULT now(),
    who text COLLATE "C" NOT NULL,
    address text COLLATE "C" NOT NULL,
    administrator boolean NOT NULL,
    domains text[] COLLATE "C" NOT NULL,
    asked text COLLATE "C" NOT NULL,
    parameters jsonb NOT NULL,
    results integer NOT NULL
);

COMMENT ON TABLE audit_lookup IS 'Who looked for what on the web page, and how much was found.';

CREATE INDEX ON audit_lookup (t);

-- Row security of one table asks the other; as the owner, so that the two policies do not go in a
-- circle. Both read the domains themselves: nobody can ask about other ones.
CREATE FUNCTION visitor_domains() RETURNS text[] LANGUAGE sql STABLE
RETURN string_to_array(nullif(current_setting('posttrail.domains', true), ''), ',');

CREATE FUNCTION visitor_sent(mail_id text, mail_host text, mail_instance text, mail_born timestamptz)
RETURNS boolean LANGUAGE sql STABLE SECURITY DEFINER SET search_path FROM CURRENT AS $$
    SELECT EXISTS (
        SELECT FROM delivery_from
        WHERE queue_id = mail_id AND host = mail_host AND instance = mail_instance
            AND born = mail_born
            AND lower(split_part(sender, '@', -1)) = ANY (visitor_domains())
    )
$$;

CREATE FUNCTION visitor_received(
    mail_id text, mail_host text, mail_instance text, mail_born timestamptz
)
RETURNS boolean LANGUAGE sql STABLE SECURITY DEFINER SET search_path FROM CURRENT AS $$
    SELECT EXISTS (
        SELECT FROM delivery_to
        WHERE queue_id = mail_id AND host = mail_host AND instance = mail_instance
            AND born = mail_born
            AND (lower(split_part(recipient, '@', -1)) = ANY (visitor_domains())
                OR lower(split_part(orig_recipient, '@', -1)) = ANY (visitor_domains()))
    )
$$;

REVOKE EXECUTE ON FUNCTION visitor_sent(text, text, text, timestamptz),
    visitor_received(text, text, text, timestamptz) FROM PUBLIC;
