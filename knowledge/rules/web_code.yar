// Code and command execution through a web request: shells, templates, object streams, web shells.

rule command_injection {
  meta:
    id = "command.injection"
    description = "A shell separator and a system command are spliced into a parameter"
    severity = "critical" score = 0.9 attack = "T1190, T1059.004" event_class = "command_injection"
    direction = "to_server" attacker = "initiator"
  strings:
    $separator = /[;|&`]{1,2}\s{0,6}(\/?(usr\/)?s?bin\/)?(cat|id|whoami|uname|ls|pwd|ping6?|nslookup|netstat|ifconfig|wget|curl|nc|ncat|bash|sh|tftp|chmod|rm|echo|sleep|dig|host|phpinfo|printenv|env|ps|telnetd?|busybox|perl|python[23]?|ruby|dir|type|ipconfig|systeminfo|net\s{1,3}user|powershell(\.exe)?|cmd(\.exe)?|certutil|bitsadmin|reboot|sudo|which|touch|mkfifo|head|tail|more|less|getent|last|arp|route|hostname)(\s{1,4}(-{1,2}[a-z]{1,20}\b|\/(etc|bin|tmp|var|dev|proc|usr|home)|\d{1,3}\b|https?:|['"]|\$|\.\.?\/|[a-z]:\\|&|>|\|)|\s{0,2}[;|]|\$\{?IFS)/ nocase
    $browser = /; (id|touch|ps|host)[;)]|& \w{2,12}</ nocase
    $newline = /[=\w]\n(\/?(usr\/)?s?bin\/)?(cat|id|whoami|uname|ls|ping|nslookup|wget|curl|bash|sleep)(\s{1,4}(-|\/|\d|http)|\s{0,2}[;|&\n])/
    $sub = /\$\(\s{0,3}(\/?(usr\/)?bin\/)?(cat|id|whoami|uname|ls|pwd|ping|nslookup|wget|curl|nc|bash|sh|echo|sleep|dig|hostname|touch|printf|expr|env)\b/ nocase
    $tick = /`\s{0,3}(\/?(usr\/)?bin\/)?(cat|id|whoami|uname|ls|pwd|ping|nslookup|wget|curl|nc|bash|sh|sleep|dig|hostname|touch)(\s[^`\r\n]{0,80})?`/ nocase
    $cat = /[;|&`$(\s={'"]\/?(usr\/)?(bin\/)?cat[\s,<'"\\$]{1,9}[^\s&]{0,30}\/?(etc|proc|var)\/\w/ nocase
    $shell = /\/bin\/(ba|da|z|c|k|tc)?sh\b\s{0,3}(-[ic]\b|&|\||;|<|>)/ nocase
    $cmd = /\bcmd(\.exe)?\s{0,3}["']?\s{0,3}\/(c|k|r)\b/ nocase
    $exe = /[\/\\](cmd|powershell|root|net|ping|tftp|cscript|wscript|mshta|regsvr32|rundll32|certutil)\.exe[\s?&]/ nocase
    $powershell = /\bpowershell(\.exe)?\s{1,4}(-|\/)\s{0,2}(e|enc|encodedcommand|c|command|nop|noprofile|w|windowstyle|ep|exec|executionpolicy|sta|noni|version)\b/ nocase
    $ping = /[;|&`\n]\s{0,4}ping\s{1,4}(-[cnit]\s{0,4}\d{1,5}\s{1,4})?[\w.-]{3,80}/ nocase
    $passthru = /\b(system|passthru|shell_exec|popen|proc_open|pcntl_exec|exec|phpinfo|assert)\s{0,3}\(\s{0,3}['"$][^)]{0,80}\)/ nocase
    $phpinfo = /[=;?{(\s]phpinfo\s{0,3}\(\s{0,3}-?\d{0,2}\s{0,3}\)/ nocase
    $obfuscated = /\b(c[\\'"]{1,2}a[\\'"]{0,2}t|w[\\'"]{1,2}ho|wh['"\\]{1,2}o|who\$@ami|ca\$@t|\/b[\\'"?*]{1,2}in\/)/
    $glob = /\/(\?{1,4}|b\?n|\?in|bi\?|b[?*]{1,3}n|us[?r])\/(\?{1,4}|[a-z?*]{1,6})\s{1,3}\/(\?{1,4}|e\?c|et\?|etc)\/[a-z?*]{3,8}/
    $assign = /\b(eval|exec|system)\s{0,2}\(\s{0,2}(base64_decode|gzinflate|str_rot13|gzuncompress|hex2bin|chr\s{0,2}\(|\$_(GET|POST|REQUEST|COOKIE|SERVER)|atob|compile\(|__import__|request)/ nocase
    $shellfunc = /\b(os\.(system|popen)\s{0,2}\(\s{0,2}\\?['"]|subprocess\.(popen|call|run|check_output|getoutput)\s{0,2}\(\s{0,2}\[?\s{0,2}\\?['"](\/|id|cat|whoami|sh|bash|ls|curl|wget|nc|ping|cmd|touch)|__import__\s{0,3}\(\s{0,3}['"](os|subprocess|commands|pty|socket)|require\s{0,3}\(\s{0,3}['"]child_process|child_process['"]?\)?\.(exec|spawn)|process\.mainmodule|kernel\.(exec|system)|io\.popen\s{0,2}\()/ nocase
    $etc = /[;|&`<(]\s{0,4}[\w\/\\'"$@{},-]{1,30}\s{0,4}<?\s{0,3}\/etc\/(passwd|shadow|hosts|issue)/ nocase
    $wait = /[;|&`]{1,2}\s{0,4}(sleep|timeout)\s{1,4}(\/t\s{0,3})?\d{1,4}\b/ nocase
  condition:
    http and (any of ($newline, $sub, $tick, $cat, $shell, $cmd, $exe, $powershell, $ping, $passthru, $phpinfo, $obfuscated, $glob, $assign, $shellfunc, $etc, $wait) or #separator > #browser)
}

rule command_separator {
  meta:
    id = "command.separator"
    description = "A parameter is nothing but a shell separator and one word, as a command probe is"
    severity = "medium" score = 0.6 attack = "T1190, T1059.004" event_class = "command_injection"
    direction = "to_server" attacker = "initiator"
  strings:
    $closed = /[="](;|\|\|?|`|\$\()\s{0,2}[a-z]\w{1,14}\s{0,2}(;|\|\|?|`|\))(&|"| HTTP)/
    $open = /[?&]\w{1,40}=(;|\|\|?)\s?[a-z]\w{1,14}(&| HTTP)/
  condition:
    http and any of them
}

rule code_template {
  meta:
    id = "code.template"
    description = "A parameter carries template code that reads objects of the server or computes"
    severity = "high" score = 0.85 attack = "T1190, T1221" event_class = "web_exploit"
    direction = "to_server" attacker = "initiator"
  strings:
    $maths = /(\{\{|\$\{|#\{|<%=|@\(|\*\{|~\{|\{|\[\[\$?\{?|\{%)\s{0,4}['"]?\(?\d{1,10}['"]?\s{0,3}[*+-]\s{0,3}['"]?\d{1,10}['"]?\)?\s{0,4}(\}|%>|\)|\]\])/
    $dunder = /(\.__class__\.__(mro|base|init|sub|dict)\w{0,6}__|__mro__[\[)\s]{0,2}[\[)]|__subclasses__\s{0,2}\(|__class__['"\]]|__globals__|__builtins__[.\[]|__bases?__\[|__init__\.__globals__|_TemplateReference__context|func_globals|gi_frame|cr_frame)/ nocase
    $flask = /\{\{\s{0,4}(config|self|request|url_for|get_flashed_messages|lipsum|cycler|joiner|namespace|settings|app|_self|dump|constant|session|g\b)\b[^}]{0,200}\}\}/ nocase
    $twig = /\{\{[^}]{0,200}(\|\s{0,3}(filter|map|reduce|sort)\s{0,3}\(|_self\.env|registerUndefinedFilterCallback|getFilter\(|file_excerpt|\.items\(|popen|system|passthru|constructor|\$on\b|\$eval|range\.|'\.join)/ nocase
    $freemarker = /(freemarker\.template\.utility\.(execute|objectconstructor|jythonruntime)|<#assign\s|\?new\s{0,2}\(|\?api\.class|<@include\s|<#include\s|\$\{[^}]{0,60}\?eval)/ nocase
    $velocity = /#(set|foreach|evaluate)\s{0,3}\(\s{0,3}\$\w{1,20}[^)]{0,120}(class|runtime|forname|inspect|getclass)/ nocase
    $java = /(\$|#|\*|%|~)\{[^\r\n]{0,240}(T\s{0,3}\(\s{0,3}java|java\.lang|getclass\s{0,2}\(|forname\s{0,2}\(|getruntime\s{0,2}\(|\.getdeclared|new\s{1,4}java|\.class\.|processbuilder|scriptengine|applicationscope|sessionscope|requestscope|param\.|header\.|facescontext|pagecontext)/ nocase
    $smarty = /[^$#]\{(php\}|literal\}|include\s|fetch\s|\/?if\s[^}]{0,60}(system|phpinfo|passthru|exec)|system\s{0,3}\(|smarty\.|\$smarty|function\s{1,4}name)[^}]{0,160}\}/ nocase
    $mako = /(<%\s{0,4}(import|x\s{0,3}=)\s{0,3}[^%]{0,80}os|\$\{self\.(module|template|context|attr)|<%\s{0,3}import\s{1,3}os)/ nocase
    $erb = /<%=?\s{0,4}(system|`|exec|file\.(open|read)|dir\.(entries|glob)|io\.popen|kernel|require|eval|self\.|open\(|response\.write|foobar|request)/ nocase
    $razor = /@\{?\(?\s{0,3}(system\.(diagnostics|io|reflection)|html\.raw|\d{1,4}\s{0,2}[*+]\s{0,2}\d{1,4}|typeof\(|string\s{1,4}\w{1,20}\s{0,3}=)/ nocase
    $handlebars = /\{\{\s{0,4}[#\/]?(with|each|lookup|this|@root|@index)\b[^}]{0,100}(string\.sub|constructor|as\s\||\(|split|push|conslist|codelist)/ nocase
    $pug = /#\{\s{0,3}(root|global|function|process|this|localload)\b[^}]{0,120}\}/ nocase
    $angular = /\{\{[^}]{0,300}(constructor\s{0,2}[.(\['"]|tostring\s{0,2}[.(]|charat\s{0,2}=|\$\$|valueof)/ nocase
    $latex = /\\(input|include|write18|immediate\\write18|openin|usepackage|lstinputlisting|verbatiminput|newread)\s{0,3}\{?[^\s}]{0,60}(\/etc\/|\}|\\)/
  condition:
    http and any of them
}

rule code_expression {
  meta:
    id = "code.expression"
    description = "An OGNL, SpEL or EL expression that reaches the Java runtime is in the request"
    severity = "critical" score = 0.95 attack = "T1190, T1203" event_class = "web_exploit"
    direction = "to_server" attacker = "initiator"
  strings:
    $ognl = /(#_memberaccess|ognl\.ognlcontext|defaultmemberaccess|xwork2\.(actioncontext|dispatcher|ognl)|xwork\.methodaccessor|allowstaticmethodaccess|@java\.lang\.|org\.apache\.struts2|redirect(action)?:\s{0,3}[$%#]\{|\(#\w{1,20}\s{0,3}=\s{0,3}[#@'"(]|#context\[|#application\b.{0,20}[.\[=(]|#request\.|#attr\[|com\.opensymphony)/ nocase
    $runtime = /(java\.lang\.(runtime|processbuilder|system|unixprocess|class)|getruntime\s{0,3}\(\s{0,3}\)\s{0,3}\.\s{0,3}exec|javax\.script\.scriptengine|org\.springframework\.(expression|context\.support\.\w{0,10}classpathxml|cglib|util)|sun\.misc\.|com\.sun\.(rowset|org\.apache)|javax\.naming|groovy\.(lang|util)|jdk\.jshell|org\.apache\.commons\.io)/ nocase
    $class = /(class|\[class\])\.(module\.)?classloader(\.|\[)[\w.\[\]%]{0,80}(pipeline|resources|urls|defaultassertionstatus|docroot|parent)/ nocase
    $unicode = /=\s{0,3}'\s{0,2}\+?\s{0,2}\{\s{0,2}(Class\.|#|\d{1,6}[*+])/
    $routing = /spring\.cloud\.function\.routing-expression/ nocase
    $confluence = /\/%24%7b[^\s]{3,800}%7d|\/\$\{[^\s]{3,800}\}\//
    $groovy = /["'][^"']{0,80}["']\.execute\s{0,2}\(\s{0,2}\)(\.text)?|\bscript=[^&]{0,200}(\.execute\(|println|Runtime)/
  condition:
    http and any of them
}

rule deserialisation_java {
  meta:
    id = "deserialise.java"
    description = "The request carries a serialised Java object"
    severity = "high" score = 0.85 attack = "T1190, T1203" event_class = "deserialisation"
    direction = "to_server" attacker = "initiator"
  strings:
    $raw = { AC ED 00 05 (73|75|76|77|78|7A|7D) }
    $base64 = /rO0AB[XQcnedx3][\w+\/%= -]{8}/
    $gzip = /H4sIA{4,12}[\w+\/%=-]{12,400}(sr|java)/
    $hex = /aced0005(73|75|76|77|78)[0-9a-f]{8}/ nocase
    $class = /(org\.apache\.commons\.(collections|beanutils)|com\.sun\.org\.apache\.xalan|com\.sun\.rowset\.JdbcRowSetImpl|com\.mchange\.v2\.c3p0|org\.codehaus\.groovy\.runtime|javax\.management\.BadAttributeValueExp|ChainedTransformer|InvokerTransformer|TemplatesImpl|com\.alibaba\.fastjson)/
    $autotype = /"@type"\s{0,4}:\s{0,4}"(com\.sun|java\.(lang|net)|org\.apache|Lcom|javax|oracle|ch\.qos|\\u00|\\x|com\.mchange|com\.zaxxer|org\.springframework|com\.alibaba|br\.com|L?L?com\.)/
    $xmldecoder = /<java\s[^>]{0,80}class\s{0,3}=\s{0,3}"java\.beans\.XMLDecoder"|<object\s{1,4}class\s{0,3}=\s{0,3}"java\.(lang|io|net)|<void\s{1,4}(class|method)\s{0,3}=\s{0,3}"/ nocase
    $xstream = /<(java\.util\.PriorityQueue|sorted-set|dynamic-proxy|java\.lang\.ProcessBuilder|javax\.imageio|groovy\.util\.Expando|org\.codehaus|jdk\.nashorn|tree-map|sun\.)[\s>].{0,800}(java\.(lang|beans)|processbuilder|interface|handler)/ nocase
    $tool = /\bysoserial(\.net|\.jar|\.exe|-all)?\b|!!(javax\.script|com\.sun\.rowset|java\.net\.URL|org\.apache\.)/ nocase
    $yaml = /!!javax\.script\.ScriptEngineManager|!!java\./ nocase
  condition:
    http and any of them
}

rule deserialisation_other {
  meta:
    id = "deserialise.object"
    description = "The request carries a serialised PHP, .NET, Python, Ruby or Node object"
    severity = "high" score = 0.85 attack = "T1190, T1203" event_class = "deserialisation"
    direction = "to_server" attacker = "initiator"
  strings:
    $php = /([=:;{"'\s]|^)[OC]:\+?\d{1,3}:\\?"[\w\\]{1,80}\\?":\d{1,4}:\{/
    $php_array = /[=:"'\s]a:\d{1,3}:\{(i:\d{1,6};|s:\d{1,4}:\\?"[^"]{0,80}\\?";)[^&\r\n]{0,300}(;|\{)[OC]:\d{1,3}:\\?"/
    $php_base64 = /[=:"'\s]T[zo]o[0-9xyM-Z][\w+\/%=]{2}[\w+\/%=-]{20}/
    $dotnet = /AAEAAAD[\/_]{1,2}[\/\w%]{0,6}AQAAAAAAAA/ nocase
    $dotnet_gzip = /\/wEy[\w+\/%=-]{20}[\w+\/%=-]{400}/
    $dotnet_json = /["'\s]\$type["'\s]{1,3}:\s{0,3}["'](System\.(Windows|Diagnostics|Data|Management|Configuration|Security|Activities|Web|IO|Workflow)|Microsoft\.)/ nocase
    $dotnet_gadget = /\b(ObjectDataProvider|ExpandedWrapper|TypeConfuseDelegate|WindowsIdentity|ClaimsIdentity|ActivitySurrogate\w{0,20}|LosFormatter|ObjectStateFormatter|System\.Diagnostics\.Process|XamlReader|ResourceDictionary xmlns|AssemblyInstaller|RolePrincipal|TextFormattingRunProperties)\b/
    $python_yaml = /!!python\/(object|name|module|tuple|str|object\/apply|object\/new)/ nocase
    $python_pickle = /(c(os|posix|nt|__builtin__|builtins|subprocess|commands|pty)\n(system|popen|eval|exec|spawn|Popen|check_output|getattr)\n|\x80[\x03-\x05][^\r\n]{0,40}(posix|builtins|subprocess|nt)\x94?\x8c.{1,2}(system|eval|exec|Popen|popen|check_output))/
    $python_base64 = /[=:"'\s](gASV[\w+\/%=-]{4}AAAAAA[\w+\/%=-]{8}|Y29zCnN5c3RlbQ|Y3Bvc2l4CnN5c3RlbQ|Y19fYnVpbHRpbl9f|gAJj[\w+\/%=-]{12}|gAN[cj][\w+\/%=-]{12}|KGxwM[\w+\/%=-]{12}|KGRw[\w+\/%=-]{12})/
    $ruby = /!ruby\/(object|hash|struct|class|regexp|exception|range|sym|array)/ nocase
    $ruby_marshal = /(\x04\x08[oUIc\[e]|BAhv[\w+\/%=-]{12}|BAhV[\w+\/%=-]{12}|BAhb[\w+\/%=-]{12}|BAhb|BAhc[\w+\/%=-]{12})[^\r\n]{0,400}(Gem|ERB|Deprecated|Requirement|ActiveSupport|R2Vt|RVJC|0dlbT)/
    $node = /_\$\$ND_FUNC\$\$_|"rce"\s{0,3}:\s{0,3}"|\b__proto__["'\]\[]/
  condition:
    http and any of them
}

rule webshell_upload {
  meta:
    id = "webshell.upload"
    description = "The request carries server-side script that runs commands sent to it"
    severity = "critical" score = 0.9 attack = "T1190, T1505.003" event_class = "webshell"
    direction = "to_server" attacker = "initiator"
  strings:
    $php = /<\?(php|=|\s)?[^?]{0,600}(system|exec|shell_exec|passthru|eval|assert|popen|proc_open|base64_decode|phpinfo|file_put_contents|fputs|fwrite|move_uploaded_file|create_function|preg_replace|call_user_func|array_map|include|require|echo|print|die|md5|unlink|readfile|file_get_contents|\$_(GET|POST|REQUEST|COOKIE|SERVER|FILES))[\s(_\['"]/ nocase
    $script = /<script\s{1,6}language\s{0,3}=\s{0,3}["']?(php|vbscript|jscript|c#)["']?[^>]{0,40}>/ nocase
    $asp = /<%@?\s{0,4}[^%]{0,400}(eval|execute|executeglobal|request\s{0,3}[.(\[]|createobject|wscript\.shell|server\.createobject|scripting\.filesystem|runtime\.getruntime|processbuilder|java\.io|java\.lang|language\s{0,3}=|system\.diagnostics|process\.start)/ nocase
    $jsp = /<jsp:(scriptlet|root|directive|declaration)|\.exec\s{0,3}\(\s{0,3}request\.getparameter/ nocase
    $cgi = /#!\/usr\/bin\/(perl|python|env)[^\r\n]{0,40}[\r\n][^&]{0,400}(system|exec|`|popen|open\s{0,2}\()/
    $htaccess = /AddType\s{1,4}application\/x-httpd-php|SetHandler\s{1,4}application\/x-httpd|php_value\s{1,4}auto_(append|prepend)/ nocase
  condition:
    http and any of them
}

rule webshell_use {
  meta:
    id = "webshell.use"
    description = "The request drives a web shell: code or a command in its own parameter"
    severity = "critical" score = 0.85 attack = "T1505.003, T1059" event_class = "webshell"
    direction = "to_server" attacker = "initiator"
  strings:
    $cmd = /[?&\n](cmd|exec|command|execute|c|shell|exe|daksldlkdsadas|run|0x?|x|a|z0|pass|ant|code|system|fexec)=\s{0,3}(cat\s|id(\s|&|$)|whoami|uname(\s|&)|ls(\s|&)|dir(\s|&)|ipconfig|ifconfig|net\s{1,2}(user|view|localgroup)|type\s{1,2}[a-z]:|pwd(\s|&)|echo\s|wget\s|curl\s|ps\s|systeminfo|tasklist|cd\s{1,2}[\/\\\w]|python|perl\s|bash|nc\s|ping\s|powershell)/ nocase
    $eval = /[?&\n][\w\[\]-]{1,20}=\s{0,3}@?(eval|assert|system|exec|passthru|shell_exec|execute|ini_set|response\.(write|clear))\s{0,3}\(/ nocase
    $chopper = /(@ini_set\s{0,2}\(\s{0,2}["']display_errors|base64_decode\s{0,3}\(\s{0,3}\$_(POST|GET|REQUEST)|@?set_time_limit\s{0,2}\(\s{0,2}0|Response\.Write\("->\||echo\s{0,3}\(?["']->\||Execute\("Execute\(|=QGluaV9zZXQ|=QGV2YWwo|@set_magic_quotes_runtime|unsafe"?\);)/ nocase
    $known = /(GET|POST|HEAD|PUT) [^\s?]{0,120}\/(c99|r57|wso\d{0,3}|b374k|weevely|china(chopper)?|antsword|behinder|alfa(_data|shell)?|indoxploit|marijuana|cmdasp|aspxspy|jspspy|webadmin|phpspy|shell\d{0,2}|cmd|webshell|backdoor|angel|simple-backdoor|php-backdoor|pwned?|up(load)?er|gaza|mini|leaf(mailer)?|priv8|0byte|wp-vcd|wp-tmp|nstview|dx|lolipop|alfacgiapi)\.(php\d?|phtml|aspx?|jspx?|cgi|pl)[\s?]/ nocase
  condition:
    http and any of them
}
