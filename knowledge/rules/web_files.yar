// Path traversal, file inclusion, XML entities and server-side request forgery.

rule file_traversal {
  meta:
    id = "file.traversal"
    description = "The request climbs out of its folder with repeated parent-directory steps"
    severity = "high" score = 0.9 attack = "T1190, T1083" event_class = "file_inclusion"
    direction = "to_server" attacker = "initiator"
  strings:
    $twice = /(\.\.[\/\\]{1,4}){3,}/
    $mixed = /(\.{2,4}[;\x00]?[\/\\]{1,4}){2,}(etc|proc|var|usr|windows|winnt|boot|root|home|opt|tmp|web-inf|meta-inf|inetpub|program|conf|\.ssh|sys)/ nocase
    $dots = /([\/\\]\.{3,8}){2}[\/\\]/
    $padded = /([\/\\]\.[\/\\]{0,3}){6,}/
    $single = /\.\.[\/\\]{1,4}(\.\.[\/\\]{1,4})?(etc|proc|winnt|windows|boot\.ini|web-inf|\.env|\.git|\.htaccess|wp-config|var\/log|cgi-bin\/\.\.)/ nocase
    $raw = /(%2e|\.|%252e|%c0%ae|%u002e|%uff0e|0x2e){2}(%2f|%5c|%252f|%255c|%c0%af|%c1%9c|%c0%2f|%u2215|%u2216|%ef%bc%8f|0x2f|0x5c|%%32%66|%%35%63)/ nocase
    $semicolon = /\/\.\.;[\/\\]/
    $odd = /(\.\.|%2e%2e)[\/\\]?(%c0%9v|%c1%1c|%c0%qf|%c1%8s|%c1%9c|%c0%af|%c1%af|%u\w{4}|%e0%80%af|%f0%80%80%af|%f8%80%80%80%af)/ nocase
    $absolute = /[\/\\=](\.\.[\/\\]|%2e%2e){2,}[^\s]{1,60}(\x00|%00|\.(ini|conf|log|xml|passwd|cnf|cfg|bat|sys))/ nocase
  condition:
    http and any of them
}

rule file_target {
  meta:
    id = "file.target"
    description = "The request names a system file that a web application never serves"
    severity = "high" score = 0.85 attack = "T1190, T1083" event_class = "file_inclusion"
    direction = "to_server" attacker = "initiator"
  strings:
    $etc = /[\/\\.]etc[\/\\.]{1,4}(passwd|shadow|group|hosts|issue|motd|crontab|fstab|sudoers|resolv\.conf|hostname|ssh[\/\\]|apache2|httpd|nginx|mysql|my\.cnf|php|init\.d|profile|master\.passwd|security|vsftpd|proftpd|release|inetd|network|default|openldap|samba|ppp|mtab|bashrc|exports|environment|ftpaccess|pure-ftpd|wu-ftpd|sysconfig|rc\.|cron|lighttpd|chrootusers|firewall|pam|logrotate|subversion|webmin|x11|snmp|syslog|ftp|redhat|debian|at\.|pw)/ nocase
    $proc = /[\/\\.]proc[\/\\.]{1,4}(self|version|cmdline|mounts|net|sched|cpuinfo|\d{1,5})[\/\\.]{0,4}/ nocase
    $windows = /\b(boot\.ini|win\.ini|system\.ini|winnt[\/\\]|windows[\/\\]{1,2}(win|system32|system|repair|debug|panther|php|my)|system32[\/\\]{1,2}(config|drivers|inetsrv|cmd)|config[\/\\]{1,2}sam\b|pagefile\.sys|ntuser\.dat|autoexec\.bat|sysprep[\/\\.]|unattend\.(xml|txt)|applicationhost\.config|inetpub[\/\\]{1,2}(logs|wwwroot|scripts|mailroot)|my\.(ini|cnf)\b)/ nocase
    $log = /[\/\\](var|usr|opt|xampp|apache2?|local|logs?|wamp|private)[\/\\][^\s&]{0,80}(access|error|auth|secure|messages|mail|syslog|httpd|vsftpd|xferlog|proftpd|user|dpkg|boot|cron|lastlog|wtmp|utmp|exim|nginx|daemon|kern|faillog|postgres\w{0,12}|mysqld?)[._-]?(log|err)\b/ nocase
    $conf = /[\/\\](httpd|php|lighttpd|nginx|vhosts?|my|pg_hba|postgresql|proftpd|tomcat-users|server|web|applicationhost|access|sites-available[\/\\]\w{1,20}|default)\.(conf|ini|cnf|xml\b[^\s]{0,2}\x00)\b/ nocase
    $var = /[\/\\]var[\/\\](log|lib|www|run|spool|mail|adm|cache|lock|tmp|local|backups|db)[\/\\]/ nocase
    $dot = /[\/\\.](\.ssh[\/\\](id_[a-z0-9]{2,10}|authorized_keys|known_hosts|config)|\.bash_history|\.aws[\/\\]credentials|\.mysql_history|\.htpasswd|\.kube[\/\\]config|\.docker[\/\\]config\.json|\.bash_profile|\.git-credentials|\.netrc|\.npmrc|\.pgpass)/ nocase
    $webinf = /\b(web|meta)-inf[\/\\]/ nocase
    $source = /\b(wp-config\.php|config\.inc\.php|configuration\.php|web\.config|global\.asax|localsettings\.php|settings\.php|database\.yml|application\.(properties|yml)|secrets\.ya?ml|appsettings\.json)(\.(bak|old|save|swp|txt|orig)|~|\x00|%00)/ nocase
  condition:
    http and any of them
}

rule file_wrapper {
  meta:
    id = "file.wrapper"
    description = "The request passes a stream wrapper or a remote script where a file name belongs"
    severity = "high" score = 0.9 attack = "T1190, T1059" event_class = "file_inclusion"
    direction = "to_server" attacker = "initiator"
  strings:
    $php = /\bphp:\/\/(filter|input|stdin|memory|temp|fd|output)/ nocase
    $expect = /\b(expect|phar|zip|zlib|compress\.zlib|compress\.bzip2|glob|ogg|rar|ssh2\.\w{4,6}|netdoc|jar):(\/\/[^\/\s]|http|\/\/\/|\/\/)/ nocase
    $data = /[=\s"'>]data:\/{0,2}(text\/plain|application\/x-httpd-php|application\/octet-stream|,)[^\s&]{0,40}(base64|<\?|%3c|,)/ nocase
    $file = /[=\s"'>:(]file:\/{2,4}(\/|[a-z]:|etc|localhost|proc|var|home|windows|127)/ nocase
    $remote = /=(https?|ftps?):\/\/[^\s&]{3,120}\.(txt|gif|jpe?g|php\d?|dat|inc|log)\?{1,2}(&|\s|\x00|%00|$)/ nocase
    $allow = /\b(allow_url_include|auto_prepend_file|auto_append_file|disable_functions|safe_mode|open_basedir)\s{0,3}(=|%3d)/ nocase
  condition:
    http and any of them
}

rule file_secret_probe {
  meta:
    id = "file.secret_probe"
    description = "The request asks for a file that would give away credentials or source code"
    severity = "medium" score = 0.7 attack = "T1595.003, T1552.001" event_class = "scan"
    direction = "to_server" attacker = "initiator"
  strings:
    $path = /^(GET|HEAD|POST) [^\s?]{0,80}\/(\.env(\.\w{1,12})?|\.git\/(config|HEAD|index|logs\/HEAD)|\.svn\/(entries|wc\.db)|\.hg\/|\.DS_Store|\.aws\/(credentials|config)|\.htpasswd|\.vscode\/sftp\.json|sftp-config\.json|wp-config\.php[.~_]\w{0,6}|\.ssh\/\w{1,20}|id_rsa|dump\.sql|backup\.sql|database\.sql|phpinfo\.php|server-status|\.npmrc|\.dockerenv|docker-compose\.ya?ml|actuator\/(env|heapdump|jolokia|gateway)|debug\/pprof|_profiler\/phpinfo)[?\s]/
  condition:
    http and $path
}

rule xxe_entity {
  meta:
    id = "xxe.entity"
    description = "The request's XML declares an external entity"
    severity = "high" score = 0.95 attack = "T1190, T1005" event_class = "xxe"
    direction = "to_server" attacker = "initiator"
  strings:
    $entity = /<!ENTITY\s{1,9}(%\s{1,9})?[^\s>"']{1,60}\s{1,9}(SYSTEM|PUBLIC)\b/ nocase
    $parameter = /<!ENTITY\s{1,9}%\s{1,9}[^\s>]{1,60}\s{1,9}/ nocase
    $bomb = /<!ENTITY\s{1,9}[^\s>"']{1,40}\s{1,9}['"](&[\w.]{1,20};){3,}/ nocase
    $doctype = /<!DOCTYPE\s{1,9}[^\s>\[]{1,60}\s{1,9}(SYSTEM|PUBLIC\s{1,9}['"][^'"]{0,80}['"])\s{1,9}['"](file|http|ftp|php|expect|gopher|\\\\|\/\/|jar|netdoc|\.\.)/ nocase
    $xhtml = "//W3C//DTD" nocase
    $include = /<(xi:include|xsl:(import|include))\s[^>]{0,160}href\s{0,3}=\s{0,3}['"](file|http|ftp|php|\/|\.\.)/ nocase
    $xslt = /\b(saxon\.sf\.net\/java-type|xmlns:php\s{0,3}=|php:function\s{0,3}\(|document\('(\/|file|http)|xmlns:rt\s{0,3}=\s{0,3}["']http:\/\/xml\.apache\.org\/xalan\/java|urn:schemas-microsoft-com:xslt)/ nocase
  condition:
    http and (any of ($entity, $parameter, $bomb, $include, $xslt) or $doctype and not $xhtml)
}

rule ssrf_metadata {
  meta:
    id = "ssrf.metadata"
    description = "A parameter points the server at a cloud metadata service"
    severity = "high" score = 0.95 attack = "T1190, T1552.005" event_class = "ssrf"
    direction = "to_server" attacker = "initiator"
  strings:
    $address = /[=\/\s"'@>:\[](169\.254\.169\.254|2852039166|0xa9fea9fe|0251\.0376\.0251\.0376|0xa9\.0xfe\.0xa9\.0xfe|::ffff:a9fe:a9fe|::ffff:169\.254\.169\.254|100\.100\.100\.200|192\.0\.0\.192|fd00:ec2::254|169\.254\.170\.2)([\/:\]\s&?"'<]|$)/ nocase
    $name = /\bmetadata\.(google\.internal|tencentyun\.com)|\binstance-data\/latest|\b169\.254\.169\.254\.(xip|nip|sslip)\.io/ nocase
    $path = /\/latest\/(meta-data|user-data|dynamic\/instance-identity)|\/computeMetadata\/v1|\/metadata\/(instance|identity)\?api-version|\/opc\/v[12]\/instance/ nocase
    $own = /^Host: 169\.254\.169\.254|\nHost: (169\.254\.169\.254|metadata\.google\.internal|100\.100\.100\.200)/
  condition:
    http and any of ($address, $name, $path) and not $own
}

rule ssrf_scheme {
  meta:
    id = "ssrf.scheme"
    description = "A parameter makes the server speak gopher, dict or another old protocol to a host of the sender's choice"
    severity = "high" score = 0.9 attack = "T1190" event_class = "ssrf"
    direction = "to_server" attacker = "initiator"
  strings:
    $scheme = /[=\s"'>:(](gopher|dict|tftp|ldaps?|sftp|netdoc|jar:https?):\/{1,2}[^\s&]{3}/ nocase
    $jndi = /jndi[^a-z]{1,4}(ldaps?|rmi|dns|iiop|http)/ nocase
    $local = /=(https?|ftp):\/\/((127\.0\.0\.1|localhost|0\.0\.0\.0|\[::1?\]):(22|25|11211|6379|3306|9200|2375|27017|5432|9000|8500|2379|10250)\b|127\.1\b|127\.127\.|localtest\.me|\[::1?\]|\[::ffff:127[^\]]{1,20}\]|\[0+:0+[^\]]{0,40}\]|0x7f[0-9a-f.x]{1,20}|2130706433|017700000001|0177\.[0-9.]{1,20}|0\/|spoofed\.burpcollaborator\.net|[\w.-]{0,60}(nip\.io|xip\.io|sslip\.io|localtest\.me|lvh\.me|vcap\.me))(:(22|25|11211|6379|3306|9200|2375|27017|5432|80|443|8080|\d{2,5}))?([\/\s&?#]|$)/ nocase
  condition:
    http and ($local or $scheme and not $jndi)
}

rule oast_callback {
  meta:
    id = "scanner.callback"
    description = "The request names a call-back domain that vulnerability testers use"
    severity = "medium" score = 0.85 attack = "T1595.002" event_class = "scan"
    direction = "to_server" attacker = "initiator"
  strings:
    $domain = /[\w-]\.(burpcollaborator\.net|oastify\.com|interact\.sh|interactsh\.com|oast\.(fun|me|live|pro|site|online)|dnslog\.(cn|pw|store)|ceye\.io|bxss\.me|xss\.ht|eyes\.sh|dnslog\.link)\b/ nocase
    $own = /\nHost: [\w.-]{0,80}(burpcollaborator\.net|oastify\.com|interact\.sh|oast\.\w{2,6}|dnslog\.cn|ceye\.io)/ nocase
  condition:
    http and $domain and not $own
}
