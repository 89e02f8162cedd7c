// Tools that look for weaknesses and give their names away.

rule scanner_agent {
  meta:
    id = "scanner.agent"
    description = "The request names a vulnerability scanner as its user agent"
    severity = "medium" score = 0.9 attack = "T1595.002" event_class = "scan"
    direction = "to_server" attacker = "initiator"
  strings:
    $tool = /(nikto|sqlmap|nuclei|wpscan|joomscan|droopescan|dirbuster|gobuster|feroxbuster|ffuf|fuzz faster|wfuzz|dirsearch|acunetix|netsparker|appscan|webinspect|w3af|arachni|skipfish|nessus|openvas|burpsuite|zaproxy|owasp zap|havij|sqlninja|sqlsus|bsqlbf|jorgee|morfeus|zmeu|muieblackcat|whatweb|wapiti|grendel|golismero|commix|jaeles|xsser|xspider|cgichk|webshag|thc-hydra|nmap scripting|nmap nse|nmap-|gitleaks|kxss|dalfox|tplmap|kiterunner|httpx - open|subjack|aquatone|eyewitness|cmsmap|cms-scan|vulnscan|vuln\w{0,6}scan|securityscan|security scanner|pangolin|safe3|sitelockspider|hp asc|n-stealth|webtrends security|webvulnscan|domino hunter|sensepost|cgi-scan|masscan|python-dirsearch|uniscan|fimap|nexpose|pentest|gospider|hakrawler|blackwidow|wafw00f|sitescanner|visionutils|blindelephant|awvs|yakit|afrog|pocsuite|interactsh|zoomeye|sn1per|\bzap\/\d|\bdirb[ \/]|\bhydra[ \/)]|\(hydra|\bmedusa\/|\bxray\/|\bgoby\/|\bkatana\/|\bl9(explore|tcpid|scan)\/|x-scan|\bvega\/\d)/ nocase
    $agent = "\nUser-Agent:" nocase
    $bot = /\nUser-Agent: (Mozilla\/5\.0 )?(zgrab\/|Mozilla\/5\.0 zgrab|zmap|Hello,? ?World|masscan|libredtail|Custom-AsyncHttpClient|kinza|xrx\b|Wget\/1\.\w+ \(hello|Polaris|Rift|Cakes|Tsunami|Go-hax|gbrmss|Ankit|Nimo|r00ts3c|LMAO|Kratos|Demon|MtmKilledYou|Yowai|Sefa|Dark\b|Hakai|Gemini\/2|Mirai|Fodcha|B4ckdoor|APEP|OwO)/ nocase
    $header = /\n(X-Scanner|X-Scan-Memo|X-WIPP|X-RequestManager-Memo|X-Request-Memo|Acunetix-\w{1,20}|X-Nuclei|X-Wvs-\w{1,12}|X-Burp-\w{1,20}|Netsparker\w{0,12}|X-Hackerone|X-OWASP\w{0,10})\s{0,2}:/ nocase
  condition:
    http and ($tool in (@agent[1]..@agent[1] + 240) or $bot or $header)
}

rule scanner_probe_path {
  meta:
    id = "scanner.probe"
    description = "The request is one of the fixed probes of a scanner"
    severity = "medium" score = 0.85 attack = "T1595.002, T1595.003" event_class = "scan"
    direction = "to_server" attacker = "initiator"
  strings:
    $nmap = /(GET|POST|HEAD|OPTIONS) \/(nice ports,\/Trinity\.txt|nmaplowercheck\d{6,12}|NmapUpperCheck\d{6,12}|Nmap\/folder\/check\d{6,12}|evox\/about)[. ]/
    $nmap_sip = "sip:nm SIP/2.0"
    $nmap_name = "nm@nm"
    $acunetix = /acunetix[-_]wvs|\/acunetix-|acu:Expre|acu\d{4}<s|bxss\.me\/t\// nocase
    $nikto = /\/(nikto-test-|[a-zA-Z0-9]{8}\.(asp|cfm|php|jsp|cgi|pl|shtml|inc|htx)\?nikto)|nikto/ nocase
    $nessus = /\/(nessus\w{0,20}\.(html|php|cgi)|nessus_is_probing|NonExistant\d{5,12}|nonexistent_page_for_|wvs_test|appscan_fingerprint|netsparker|CFIDE\/administrator\/index\.cfm\?nessus)/ nocase
    $evasions = "(Evasions:"
    $php_egg = /=PHP(B8B5F2A0|E9568F3[456])-[\w-]{8,40}/
    $muieblackcat = /GET \/(muieblackcat|w00tw00t|phpmyadmin\/scripts\/setup\.php|pma\/scripts\/setup\.php|myadmin\/scripts\/setup\.php)/ nocase
    $cgi = /(GET|HEAD|POST) \/(cgi-bin|scripts|_vti_bin|_vti_pvt|msadc|iisadmpwd|cgi-win|cgi-shl)\/[^\s?]{0,60}(test-cgi|nph-test-cgi|phf|htsearch|formmail|awstats|count\.cgi|webdist|handler|campas|faxsurvey|wwwboard|printenv|shtml\.exe|fpcount|cmd\.exe|root\.exe|\.\.|msadcs\.dll|aexp|fpsrvadm|cfgwiz|authors\.pwd|service\.pwd)/ nocase
    $cookie = "GET /?=PHPE9568F36"
  condition:
    (http and any of ($nmap, $acunetix, $nikto, $nessus, $evasions, $php_egg, $muieblackcat, $cgi, $cookie)) or ($nmap_sip and $nmap_name)
}

rule scanner_service_probe {
  meta:
    id = "scanner.service_probe"
    description = "The first bytes of the flow are a fixed probe of a service scanner"
    severity = "low" score = 0.8 attack = "T1046" event_class = "scan"
    direction = "to_server" attacker = "initiator"
  strings:
    $rdp = "Cookie: mstshash=nmap"
    $masscan_rdp = "Cookie: mstshash=hello"
    $kerberos = { 00 00 00 71 6A 81 6E 30 81 6B A1 03 02 01 05 A2 03 02 01 0A A4 81 5E 30 5C A0 07 03 05 00 50 80 00 10 A2 04 1B 02 4E 4D }
    $smb_nmap = { 02 4E 4D 41 50 00 }
    $dns_version = { 00 06 01 00 00 01 00 00 00 00 00 00 07 76 65 72 73 69 6F 6E 04 62 69 6E 64 00 00 10 00 03 }
    $dns_version_any = { 00 01 00 00 00 00 00 00 07 76 65 72 73 69 6F 6E 04 62 69 6E 64 00 00 10 00 03 }
    $ssh_scan = /^SSH-[12]\.\d-(Nmap\w{0,20}|ZGrab|zgrab\w{0,20}|masscan\w{0,20}|sshscan|MEDUSA\w{0,12}|libssh-0\.[1-4]\b)/
    $ssl_sessionreq = { 16 03 00 00 53 01 00 00 4F 03 00 3F 47 D7 F7 BA 2C EE EA B2 60 7E F3 00 FD 82 7B B9 }
    $tls_sessionreq = { 16 03 00 00 69 01 00 00 65 03 03 55 1C A7 E4 }
    $sipvicious = /\nUser-Agent: (friendly-scanner|sipvicious|sipcli|sundayddr|pplsip|VaxSIPUserAgent|sip-scan|sipsak|iWar|SIVuS|smap)/ nocase
    $sip_exten = /^OPTIONS sip:(100@|nm )/
    $masscan_banner = "masscan-test"
  condition:
    any of ($rdp, $masscan_rdp, $kerberos, $smb_nmap, $dns_version, $dns_version_any, $ssl_sessionreq, $tls_sessionreq, $sipvicious, $masscan_banner)
    or (at_start and any of ($ssh_scan, $sip_exten))
}
