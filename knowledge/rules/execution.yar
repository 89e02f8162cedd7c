// What runs on a host after a break-in: downloads that are run at once, reverse shells, their output.

rule download_and_run {
  meta:
    id = "download.run"
    description = "The request makes the server fetch a program and run it"
    severity = "critical" score = 0.97 attack = "T1190, T1105, T1059.004" event_class = "command_injection"
    direction = "to_server" attacker = "initiator"
  strings:
    $pipe = /(wget|curl|fetch|lwp-download|busybox)(\s|\+|%20|\$\{?IFS\}?)[^\r\n|]{3,300}(\||%7c)(\s|\+|%20|\$\{?IFS\}?){0,4}(sudo\s{1,4})?(\/bin\/)?(ba|da|z|k)?sh\b/ nocase
    $pipe_other = /(wget|curl)\s[^\r\n|]{3,300}\|\s{0,4}(python[23]?|perl|php|ruby)\b/ nocase
    $chmod = /(wget|curl|tftp|ftpget|fetch)(\s|\+|%20|\$\{?IFS\}?)[^\r\n]{3,400}(;|&|%3b|%26|\n|\|)(\s|\+|%20|\$\{?IFS\}?){0,4}(\/bin\/)?(busybox\s{1,3})?chmod\b/ nocase
    $run = /(wget|curl|tftp|ftpget)(\s|\+|%20|\$\{?IFS\}?)[^\r\n]{3,400}(;|&|%3b|%26)(\s|\+|%20|\$\{?IFS\}?){0,4}(sh|bash|\.\/[\w.-]{1,40}|perl|python[23]?)(\s|\+|%20|\$\{?IFS\}?|;|&|$)/ nocase
    $tmp = /cd(\s|\+|%20|\$\{?IFS\}?){1,4}\/(tmp|var(\/run|\/tmp)?|dev\/shm|mnt|root|data\/local\/tmp)\b[^\r\n]{0,200}(wget|curl|tftp|busybox|ftpget)/ nocase
    $rm = /rm(\s|\+|%20|\$\{?IFS\}?){1,4}-rf[^\r\n]{0,120}(;|&|%3b|%26)[^\r\n]{0,40}(wget|curl|tftp|busybox)(\s|\+|%20|\$)/ nocase
    $substitution = /(bash|sh|eval)\s{1,4}(-c\s{1,4})?["']?(\$\(|`|<\()\s{0,3}(wget|curl)\s/ nocase
    $save = /[;|&`(](\s|\+|%20|\$\{?IFS\}?){0,4}(\/usr\/bin\/|\/bin\/)?(wget|curl)(\s|\+|%20|\$\{?IFS\}?){1,4}[^\r\n]{0,60}(https?|ftp|tftp)?(:\/\/)?\d{1,3}\.\d{1,3}\.\d{1,3}\.\d{1,3}/ nocase
    $powershell = /(\b(iex|iwr)[\s(]|invoke-expression|downloadstring\s{0,2}\(|downloadfile\s{0,2}\(|invoke-webrequest|net\.webclient|start-bitstransfer)[^\r\n]{0,100}https?:\/\// nocase
    $certutil = /certutil(\.exe)?\s[^\r\n]{0,60}-urlcache[^\r\n]{0,60}https?:/ nocase
    $bits = /(bitsadmin[^\r\n]{0,60}\/transfer|mshta(\.exe)?\s{1,4}https?:|regsvr32[^\r\n]{0,40}\/i:https?:|rundll32[^\r\n]{0,60}javascript:)/ nocase
    $encoded = /echo\s{1,4}["']?[\w+\/=]{24,2000}["']?\s{0,4}\|\s{0,4}base64\s{1,4}(-d|--decode|-D)\s{0,4}\|\s{0,4}(ba)?sh/ nocase
  condition:
    any of them
}

rule shell_reverse {
  meta:
    id = "shell.reverse"
    description = "The payload opens a shell that connects back to the sender"
    severity = "critical" score = 0.98 attack = "T1059.004, T1071" event_class = "command_injection"
    direction = "any" attacker = "initiator"
  strings:
    $bash = /(ba|da|z|k)?sh\s{1,4}-i\s{0,4}(>|&|%3e|%26|<)[^\r\n]{0,40}\/dev\/(tcp|udp)\//
    $dev = /(>|<|exec\s{0,3}\d{1,3}<>|%3e)\s{0,4}&?\s{0,4}\/dev\/(tcp|udp)\/[\w.-]{3,80}\/\d{1,5}/
    $netcat = /\b(nc|ncat|netcat|nc\.traditional|nc\.openbsd)(\.exe)?\s[^\r\n]{0,80}-\w{0,4}[ec]\s{0,4}["']?(\/bin\/|\/system\/bin\/|cmd|powershell|\/usr\/bin\/)\w{0,4}/ nocase
    $netcat_before = /\b(nc|ncat|netcat)(\.exe)?\s{1,4}-\w{0,4}e\w{0,3}\s{1,4}(\/bin\/(ba)?sh|cmd(\.exe)?)\s/ nocase
    $fifo = /mk(fifo|nod)\s{1,4}[^\r\n;|]{1,80}[;|&][^\r\n]{0,160}\b(nc|ncat|netcat|telnet|openssl)\b/
    $python = /socket\.socket\([^\r\n]{0,200}\.connect\(\s{0,3}\([^\r\n]{0,200}(os\.dup2|pty\.spawn|subprocess\.(call|Popen)|os\.system)/
    $perl = /(perl|ruby)\s{1,4}(-M\w{1,10}\s{1,4})?-(e|rsocket)[^\r\n]{0,120}(Socket|TCPSocket)[^\r\n]{0,240}(exec|STDIN|\/bin\/)/
    $php = /fsockopen\s{0,3}\(\s{0,3}["'][^"'\r\n]{3,60}["']\s{0,3},\s{0,3}\d{1,5}[^\r\n]{0,160}(exec|proc_open|popen|system|passthru|shell_exec|\/bin\/)/
    $powershell = /New-Object\s{1,4}(System\.)?Net\.Sockets\.TCPClient\s{0,3}\(/ nocase
    $socat = /socat\s[^\r\n]{0,120}(exec|system):["']?[^\r\n]{0,60}(sh|bash|cmd)/ nocase
    $java = /\/dev\/tcp\/[\w.-]{3,80}\/\d{1,5}[^\r\n]{0,40}(while|read|0>&1|<&|>&)/
    $telnet = /telnet\s{1,4}[\w.-]{3,80}\s{1,4}\d{1,5}\s{0,3}\|\s{0,3}\/bin\/(ba)?sh/
    $base64 = /(YmFzaCAtaSA\+|L2Rldi90Y3Av|JiAvZGV2L3RjcC|IC9kZXYvdGNwL|bmMgLWUg)[\w+\/=]{0,8}/
    $page = /<(html|!doctype)/ nocase
  condition:
    any of ($bash, $dev, $netcat, $netcat_before, $fifo, $python, $perl, $php, $powershell, $socat, $java, $telnet, $base64) and not $page
}

rule shell_session {
  meta:
    id = "shell.session"
    description = "A bare connection carries a shell: prompts or command output without any protocol"
    severity = "critical" score = 0.9 attack = "T1059, T1071" event_class = "trojan"
    direction = "to_server" attacker = "responder"
  strings:
    $id = /(^|\n)uid=\d{1,6}\([\w.-]{1,32}\) gid=\d{1,6}\(/
    $no_job = "bash: no job control in this shell"
    $tty = /(sh|bash): (cannot set terminal process group|can't access tty; job control turned off|no job control)/
    $prompt = /^(root|www-data|[\w-]{1,20})@[\w.-]{1,40}:[~\/][^\s#$]{0,80}[#$] $/
    $sh_prompt = /^(sh|bash)-\d\.\d{1,2}[#$] /
    $windows = /^Microsoft Windows \[Version \d{1,2}\.[\d.]{3,14}\]\r?\n(\(c\)|Copyright|Microsoft Corp)/ nocase
    $powershell = /^(Windows PowerShell (running as user|\r?\nCopyright)|PS [A-Z]:\\[^\r\n>]{0,120}> )/
    $passwd = /(^|\n)root:[x*!]?:0:0:[^\r\n]{0,60}:\/(root|bin)[^\r\n]{0,40}\n[\w-]{1,20}:[x*!]?:\d{1,5}:\d{1,5}:/
  condition:
    not http and ($id or $no_job or $tty or (at_start and any of ($windows, $powershell, $sh_prompt, $prompt)) or $passwd)
}

rule shell_bind {
  meta:
    id = "shell.bind"
    description = "A listening shell answers with prompts or command output without any protocol"
    severity = "critical" score = 0.9 attack = "T1059, T1571" event_class = "trojan"
    direction = "to_client" attacker = "initiator"
  strings:
    $tty = /(sh|bash): (cannot set terminal process group|can't access tty; job control turned off|no job control in this shell)/
    $windows = /^Microsoft Windows \[Version \d{1,2}\.[\d.]{3,14}\]\r?\n(\(c\)|Copyright|Microsoft Corp)/ nocase
    $id = /^uid=\d{1,6}\([\w.-]{1,32}\) gid=\d{1,6}\(/
  condition:
    not http and ($tty or (at_start and any of ($windows, $id)))
}

rule command_output {
  meta:
    id = "command.output"
    description = "A web server answers with the output of a system command or a password file"
    severity = "critical" score = 0.9 attack = "T1190, T1059" event_class = "command_injection"
    direction = "to_client" attacker = "initiator"
  strings:
    $id = /[\n>}"']?uid=\d{1,6}\([\w.-]{1,32}\) gid=\d{1,6}\([\w.-]{1,32}\)/
    $passwd = /(\n|>|:|"|^)root:[x*!]?:0:0:[^\r\n]{0,60}:\/(root|bin|)[^\r\n]{0,40}(\n|\\n)[\w-]{1,20}:[x*!]?:\d{1,5}:\d{1,5}:/
    $shadow = /(\n|>|^)root:\$(1|2[aby]|5|6|y)\$[^\r\n:]{8,120}:\d{3,6}:/
    $key = /(\n|>|^)-----BEGIN (RSA |OPENSSH |EC |DSA )?PRIVATE KEY-----/
    $win = /; for 16-bit app support\s{1,4}\[fonts\]/
  condition:
    http and any of them
}

rule dropper_script {
  meta:
    id = "download.dropper"
    description = "A shell script is delivered that fetches programs, makes them executable and runs them"
    severity = "critical" score = 0.92 attack = "T1105, T1059.004" event_class = "trojan"
    direction = "to_client" attacker = "responder"
  strings:
    $cd = /cd\s{1,3}\/(tmp|var\/run|mnt|root|dev\/shm|var\/tmp)\s{0,3}(\|\||;|&&)/
    $fetch = /(wget|curl|tftp|ftpget|busybox\s{1,3}wget)\s[^\r\n]{0,120}(https?:\/\/)?\d{1,3}\.\d{1,3}\.\d{1,3}\.\d{1,3}[\/:\s]/
    $chmod = /chmod\s{1,3}(\+x|777|0?755|\+rwx|u\+x)\s/
    $run = /;\s{0,3}\.\/[\w.-]{1,40}(\s|;|$)/
    $arch = /\b(mips|mipsel|mpsl|arm[4567]?|sh4|ppc|m68k|x86_64|i[56]86|spc|sparc)\b/
    $cron = /(crontab\s{1,3}-|\/etc\/cron|\/var\/spool\/cron)/
    $kill = /(pkill|killall|kill\s{1,3}-9)[^\r\n]{0,60}(xmr|kinsing|kdevtmpfsi|miner|minerd|masscan|watchdog)/
    $ld = "/etc/ld.so.preload"
    $history = /(history\s{1,3}-c|unset\s{1,3}HISTFILE|HISTSIZE=0)/
    $page = /<(html|!doctype|body)/ nocase
  condition:
    not $page and (($cd and $fetch and ($chmod or $run)) or ($fetch and $chmod and $run and $arch) or ($kill and ($fetch or $cron)) or ($ld and $fetch and $history))
}

rule dropper_powershell {
  meta:
    id = "download.powershell"
    description = "A script is delivered that runs hidden or encoded PowerShell"
    severity = "critical" score = 0.92 attack = "T1059.001, T1105, T1027" event_class = "trojan"
    direction = "to_client" attacker = "responder"
  strings:
    $encoded = /powershell(\.exe)?[^\r\n]{0,120}-e(nc(odedcommand)?)?\s{1,4}[\w+\/=]{40}/ nocase
    $hidden = /powershell(\.exe)?[^\r\n]{0,80}-w(indowstyle)?\s{1,3}hidden[^\r\n]{0,200}(iex|downloadstring|invoke-expression|frombase64string)/ nocase
    $amsi = /(amsiInitFailed|AmsiScanBuffer|System\.Management\.Automation\.AmsiUtils|ScriptBlockLogging['"+]{0,6}|cachedGroupPolicySettings)/ nocase
    $loader = /\[System\.Reflection\.Assembly\]::Load\(|\[Convert\]::FromBase64String\([^\r\n]{0,60}\)[^\r\n]{0,100}(IEX|Invoke)/ nocase
    $stager = /\$\w{1,12}\s{0,3}=\s{0,3}New-Object (System\.)?Net\.WebClient[^$]{0,200}(DownloadString|DownloadData|UploadData)/ nocase
    $memory = /(VirtualAlloc|GetDelegateForFunctionPointer|CreateThread)[^\r\n]{0,400}(kernel32|0x3000|0x40)/
    $invoke = /function Invoke-(Mimikatz|ReflectivePEInjection|Empire|Shellcode|PsExec|Kerberoast|Rubeus|BloodHound|PowerShellTcp|DCSync|WMIExec|SMBExec)/ nocase
    $page = "<html" nocase
  condition:
    not $page and (any of ($encoded, $hidden, $amsi, $memory, $invoke) or ($loader and $stager))
}

rule webshell_answer {
  meta:
    id = "webshell.answer"
    description = "The server answers with the page of a known web shell"
    severity = "critical" score = 0.9 attack = "T1505.003" event_class = "webshell"
    direction = "to_client" attacker = "initiator"
  strings:
    $title = /<title>[^<]{0,60}(c99shell|r57shell|WSO \d|b374k|AlfaTeam|IndoXploit|FilesMan|PHPSpy|AspxSpy|JspSpy|Mini Shell|p0wny@shell|antSword|weevely)[^<]{0,60}<\/title>/ nocase
    $body = /(!C99Shell v|\[ ?Safe-mode ?: ?(OFF|ON)[^\]]{0,20}\]|FilesMan|<form[^>]{0,80}>[^<]{0,80}Execute command:|uname -a:&nbsp;)/ nocase
  condition:
    http and any of them
}
