// SQL injection in HTTP requests. Plain SQL on a database port is no attack: every rule needs an HTTP request.

rule sqli_union {
  meta:
    id = "sqli.union"
    description = "A UNION SELECT is spliced into a parameter of the request"
    severity = "high" score = 0.95 attack = "T1190" event_class = "sql_injection"
    direction = "to_server" attacker = "initiator"
  strings:
    $list = /\bunion[\s(]{1,20}(all[\s(]{1,20}|distinct[\s(]{1,20})?select[\s(]{1,20}(null\b|\d{1,10}\b|'|"|@@|char\(|chr\(|concat|\*|load_file|[a-z_.]{1,40}[\s)]{0,4},|[a-z_.()]{1,40}\s{1,9}from\b)/ nocase
    $bare = /['")\d]\s{0,9}union[\s(]{1,20}(all[\s(]{1,20}|distinct[\s(]{1,20})?select\b/ nocase
    $all = /\bunion\s{1,20}all\s{1,20}select\b/ nocase
  condition:
    http and any of them
}

rule sqli_tautology {
  meta:
    id = "sqli.tautology"
    description = "A condition that is always true or always false is spliced into a parameter"
    severity = "high" score = 0.85 attack = "T1190" event_class = "sql_injection"
    direction = "to_server" attacker = "initiator"
  strings:
    $and_number = /\band[\s('"!~-]{1,20}\d{1,10}['")\s]{0,6}(=|<|>|<>|!=|like)[\s('"]{0,6}\d{1,10}/ nocase
    $or_number = /['")\d\s]or[\s('"!~-]{1,20}\d{1,10}['")\s]{0,6}(=|<|>|<>|!=|like)[\s('"]{0,6}\d{1,10}/ nocase
    $having = /\b(having|where|rlike|having|xor|regexp|procedure)[\s('"]{1,9}\d{1,10}['")\s]{0,6}=[\s('"]{0,6}\d{1,10}/ nocase
    $pipes = /['")]\s{0,4}(\|\||&&)\s{0,4}['"(]?\d{1,6}['"]?\s{0,3}=/
    $quoted = /\b(or|and|having)\s{0,9}\(?\s{0,4}['"]([a-z0-9]{0,12})['"]\s{0,9}(=|like|<|>)\s{0,9}['"]/ nocase
    $quoted_tight = /['"]\s{0,4}(or|and|\|\||&&)\s{0,4}['"][^'"&\r\n]{0,12}['"]\s{0,4}(=|like)/ nocase
    $or_true = /['")]\s{1,6}or\s{1,6}(true|not\s{1,4}false|[a-z]{1,20}\s{1,4}is\s{1,4}not\s{1,4}null)\b/ nocase
    $empty = /['"]\s{0,3}=\s{0,3}['"]\s{0,4}or\b/ nocase
  condition:
    http and any of them
}

rule sqli_blind_delay {
  meta:
    id = "sqli.delay"
    description = "A parameter makes the database wait, a way to read it without seeing its answers"
    severity = "high" score = 0.95 attack = "T1190" event_class = "sql_injection"
    direction = "to_server" attacker = "initiator"
  strings:
    $waitfor = /\bwaitfor\s{1,9}(delay|time)\s{0,9}['"(]/ nocase
    $benchmark = /\bbenchmark\(\s{0,3}\d{4}/ nocase
    $pg_sleep = /\bpg_sleep\s{0,3}\(/ nocase
    $sleep = /\b(and|or|select|rlike|xor|then|case|if\s{0,3}\([^)]{1,40},|union|by|where|having|['")=])[\s('"!+,-]{0,9}\bsleep\s{0,3}\(\s{0,3}\d/ nocase
    $pipe = /\bdbms_(pipe\.receive_message|lock\.sleep|session\.sleep)/ nocase
    $sqlite = /\brandomblob\s{0,3}\(/ nocase
    $series = /\bgenerate_series\s{0,3}\(\s{0,3}\d{1,9}\s{0,3},\s{0,3}\d{4,12}/ nocase
    $heavy = /\b(rdb\$|sysusers|information_schema\.)[a-z$]{1,20}\s{1,4}(as\s{1,4})?[a-z]\w{0,4}\s{0,3},\s{0,3}(rdb\$|sysusers|information_schema)/ nocase
  condition:
    http and any of them
}

rule sqli_function {
  meta:
    id = "sqli.function"
    description = "A parameter calls database functions that injection tools use to read data"
    severity = "high" score = 0.9 attack = "T1190" event_class = "sql_injection"
    direction = "to_server" attacker = "initiator"
  strings:
    $xml = /\b(extractvalue|updatexml)\s{0,3}\([^&\r\n]{0,80}(concat|0x|select|version|rand|make_set|char)/ nocase
    $analyse = /\bprocedure\s{1,6}analyse\s{0,3}\(/ nocase
    $utl = /\b(utl_inaddr\.get_host|utl_http\.request|ctxsys\.drithsx|dbms_xmlgen|dbms_xmlquery|dbms_ldap\.init|dbms_utility\.sqlid_to_sqlhash|httpuritype\s{0,3}\()/ nocase
    $chain = /\b(chr|char)\s{0,2}\(\s{0,2}\d{1,3}\s{0,2}\)\s{0,3}(\|\||\+|,|&)\s{0,3}(chr|char)\s{0,2}\(/ nocase
    $char = /\b(n?char)\s{0,2}\(\s{0,2}\d{1,3}\s{0,2}(,\s{0,2}\d{1,3}\s{0,2}){3,40}\)/ nocase
    $char_one = /\bn?char\s{0,2}\(\s{0,2}\d{2,3}\s{0,2}\)\s{0,3}\+/ nocase
    $concat = /\bconcat(_ws)?\s{0,3}\(\s{0,3}(0x[0-9a-f]{2,60}|char\(|database\(|user\(|version\(|@@|\(select)/ nocase
    $group = /\bgroup_concat\s{0,3}\(/ nocase
    $floor = /\bfloor\s{0,3}\(\s{0,3}rand\s{0,3}\(/ nocase
    $make_set = /\b(make_set|elt|json_keys|gtid_subset|geometrycollection|linestring|multipoint|polygon)\s{0,3}\(\s{0,4}(\(select|-?\d{1,8}\s{0,3}(=|,)|convert)/ nocase
    $convert = /\bconvert\s{0,3}\(\s{0,3}(int|signed|varchar|\(select)[^&\r\n]{0,20}(,|select|using)/ nocase
    $cast = /\bcast\s{0,3}\(\s{0,3}(\(select|0x[0-9a-f]{2,200}\s{1,3}as|chr\(|version\(|current_user)/ nocase
    $mid = /\b(substring|substr|mid|ascii|ord|hex|unhex|ifnull|isnull|coalesce|length|len|lower|upper|count)\s{0,3}\(\s{0,3}(\(?\s{0,3}select\b|database\s{0,2}\(|user\s{0,2}\(|@@|version\s{0,2}\(|password\s{0,3},)/ nocase
    $file = /\bload_file\s{0,3}\(/ nocase
    $outfile = /\binto\s{1,9}(out|dump)file\b/ nocase
    $shell = /\b(xp_cmdshell|xp_dirtree|xp_regread|xp_fileexist|sp_oacreate|sp_executesql|sp_password|xp_availablemedia|sp_makewebtask|sp_who|xp_servicecontrol|sp_addextendedproc|xp_enumdsn|xp_loginconfig|xp_ntsec_enumdomains|xp_terminate_process|xp_webserver)\b/ nocase
    $make = /\b(master\.\.|openrowset\s{0,3}\(|opendatasource\s{0,3}\()/ nocase
    $version = /\bselect[\s(]{1,9}(@@\w|version\s{0,2}\(|user\s{0,2}\(|current_user|database\s{0,2}\(|banner\s|system_user|sqlite_version)/ nocase
    $quarter = /\bregexp_substring\s{0,3}\(\s{0,3}repeat\s{0,3}\(/ nocase
    $crypt_key = /\bcall\s{1,3}regexp_substring|\bcrypt_key\s{0,3}\(|\bsleep\(5\)#|\bmysql\.user\b/ nocase
  condition:
    http and any of them
}

rule sqli_subquery {
  meta:
    id = "sqli.subquery"
    description = "A whole query is nested in, or stacked after, a parameter"
    severity = "high" score = 0.85 attack = "T1190" event_class = "sql_injection"
    direction = "to_server" attacker = "initiator"
  strings:
    $case = /\bselect[\s(]{1,9}case[\s(]{1,9}when\b/ nocase
    $case_then = /\bcase\s{1,6}when\s{0,6}\(?\s{0,3}['"]?\d{1,8}['"]?\s{0,3}(=|<|>)/ nocase
    $nested = /[(=,'"]\s{0,4}\(\s{0,4}select\s{1,9}[a-z0-9_@.*(,\s]{1,80}[\s(]from[\s(]{1,6}[a-z_(\[]/ nocase
    $nested_after = /\b(and|or|rlike|by|xor|where|then|else|=|like|in|exists|not)[\s('"!~-]{1,12}\(\s{0,3}select\s{1,9}[^&\r\n]{1,80}\bfrom\b/ nocase
    $schema = /\b(information_schema|sysobjects|syscolumns|sysibm|pg_catalog|pg_shadow|pg_user|all_tables|all_tab_columns|user_tables|sqlite_master|sysmaster|mysql\.(user|db)|msysaccessobjects|v\$version|dba_users|sys\.(tables|databases|objects|user\$)|rdb\$(fields|types|relations|collations|character_sets))\b/ nocase
    $stacked = /['")\d]\s{0,4};\s{0,4}(select|insert\s{1,6}into|update\s{1,6}\w{1,40}\s{1,6}set|delete\s{1,6}from|drop\s{1,6}(table|database)|exec(ute)?\b|shutdown|declare\s{1,6}@|create\s{1,6}(table|user|database)|truncate\s|alter\s{1,6}table|begin\b|call\s)/ nocase
    $drop = /;\s{0,4}drop\s{1,6}(table|database|user|view)\s/ nocase
    $exec = /\bexec(ute)?[\s(+]{1,6}(master|immediate|xp_|sp_|@|\('|char\()/ nocase
    $declare = /\bdeclare\s{1,6}@\w{1,20}\s{1,6}(as\s{1,6})?(n?varchar|char|int|sysname)/ nocase
    $order = /['")\d]\s{1,9}(order|group)\s{1,9}by\s{1,9}\d{1,4}\s{0,4}(,\s{0,3}\d{1,4}\s{0,3}){0,20}(--|#|\/\*)/ nocase
    $dual = /\bfrom\s{1,6}(dual|sysibm\.sysdummy1|rdb\$database)\b/ nocase
    $count = /\bselect\s{1,9}count\s{0,3}\(\s{0,3}(\*|\w{1,30})\s{0,3}\)\s{1,9}from\b/ nocase
    $if_select = /\bif\s{0,3}\(\s{0,3}\(?\s{0,3}['"]?\d{1,8}['"]?\s{0,3}=\s{0,3}['"]?\d{1,8}/ nocase
    $iif = /\biif\s{0,3}\(\s{0,3}\d{1,8}\s{0,3}=/ nocase
    $insert = /['")]\s{0,4},\s{0,4}['"(][^&\r\n]{0,40}\)\s{0,4};?\s{0,4}--/
    $in = /\bin\s{0,4}\(\s{0,4}\(\s{0,4}select\b/ nocase
    $print = /\b(and|or)\s{1,6}(\d{1,8}|['"]\w{0,9}['"])\s{0,3}(in|between)\s{0,4}\(\s{0,4}select/ nocase
    $select_quoted = /['")\d]\s{0,6}(and|or|;|union|except|intersect|minus)[\s(]{1,9}select\s/ nocase
    $ldap_exists = /\b(and|or|where|not)\s{1,6}exists\s{0,4}\(\s{0,4}select\b/ nocase
  condition:
    http and any of them
}

rule sqli_comment {
  meta:
    id = "sqli.comment"
    description = "A parameter closes a quoted SQL value and comments out the rest of the statement"
    severity = "medium" score = 0.7 attack = "T1190" event_class = "sql_injection"
    direction = "to_server" attacker = "initiator"
  strings:
    $after_quote = /[=\s][\w.@-]{0,32}'\s{0,4}\){0,4}\s{0,4}(;\s{0,3})?(--|#)[ &\x00]/
    $after_double = /=[\w.@-]{0,32}"\s{0,4}\){0,4}\s{0,4}(;\s{0,3})?(--|#)[ &\x00]/
    $after_block = /['"]\s{0,4}\){0,4}\s{0,4}\/\*[^\w]/
    $login = /\b(admin|root|administrator|user|sa|test)['"]\s{0,3}\)?\s{0,3}(--|#|\/\*|or\s|and\s)/ nocase
    $clauses = /['"]\s{0,4}\){0,4}\s{1,4}(and|or|having|where|group\s{1,4}by|order\s{1,4}by|limit|like|in|between|rlike|union|procedure|exec)\b[^&\r\n]{1,60}(--|#|\/\*)(\s|&|$)/ nocase
    $hash = /\d\s{0,3}\){0,4}\s{1,4}(and|or|having|where|order\s{1,4}by|group\s{1,4}by|union|limit|like|rlike)\b[^&\r\n\\:]{1,60}(--|#)( |&)/ nocase
  condition:
    http and any of them
}
