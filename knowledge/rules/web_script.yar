// Cross-site scripting: markup or script in a request that a browser would run when it is echoed.

rule xss_script {
  meta:
    id = "xss.script"
    description = "The request carries a script element"
    severity = "medium" score = 0.9 attack = "T1190, T1059.007" event_class = "xss"
    direction = "to_server" attacker = "initiator"
  strings:
    $open = /<\s{0,3}script[\s\/>\x0b\x0c][^<]{0,200}(alert|prompt|confirm|document\.|window\.|eval|string\.|src\s{0,3}=|location|xss|fetch\(|cookie|\(\d|javascript|\/\/|function|new |var )/ nocase
    $bare = /<script>/ nocase
    $broken = /<\/?script[^a-z0-9_.-]/ nocase
    $svg = /<\s{0,3}svg[\s\/][^>]{0,120}onload/ nocase
    $slash = /<script\/[^<]{0,60}>/ nocase
    $nested = /<scr(<script>|ipt\s|\x00ipt)/ nocase
  condition:
    http and any of them
}

rule xss_handler {
  meta:
    id = "xss.handler"
    description = "The request carries an event handler attribute with script in it"
    severity = "medium" score = 0.85 attack = "T1190, T1059.007" event_class = "xss"
    direction = "to_server" attacker = "initiator"
  strings:
    $on = /[\s"'`\/\x0b\x0c;>]on(error|load\w{0,12}|click|mouse\w{2,6}|focus\w{0,3}|blur|abort|key\w{2,5}|begin|end|start|toggle|animation\w{3,16}|transition\w{3,10}|pointer\w{2,16}|wheel|drag\w{0,6}|drop|copy|cut|paste|input|change|submit|reset|select\w{0,6}|resize|scroll\w{0,5}|show|message\w{0,6}|hashchange|pageshow|popstate|beforeprint|afterprint|unload|dblclick|contextmenu|readystatechange|propertychange|activate|beforeactivate|filterchange|finish|bounce|cuechange|canplay\w{0,8}|play\w{0,4}|auxclick|search|invalid|touch\w{3,6}|repeat|webkit\w{4,30}|before\w{3,16}|after\w{3,16}|data\w{4,16}|row\w{4,8}|storage|offline|online|redo|undo|form\w{4,8}|help|losecapture|media\w{4,8}|move\w{0,6}|outofsync|pause|progress|reverse|seek\w{0,3}|stop|syncrestored|timeerror|trackchange|urlflip|deactivate|cellchange|controlselect|errorupdate|layoutcomplete)\s{0,4}=/ nocase
    $bracket = /<[\x00\/]?[a-z!?]/ nocase
    $js = /(alert|prompt|confirm|eval|document|window|location|javascript|fetch|console|import|atob|string\.fromcharcode|write|function|logchr|foo|xss|this\.|top\[|self\[|\(\d{1,5}\)|`\d)/ nocase
  condition:
    http and $on and $js and ($bracket or #js > 1)
}

rule xss_uri {
  meta:
    id = "xss.uri"
    description = "The request carries a script URL"
    severity = "medium" score = 0.8 attack = "T1190, T1059.007" event_class = "xss"
    direction = "to_server" attacker = "initiator"
  strings:
    $call = /j\s{0,3}a\s{0,3}v\s{0,3}a\s{0,3}s\s{0,3}c\s{0,3}r\s{0,3}i\s{0,3}p\s{0,3}t\s{0,4}:[\s\/*"'`%<>;]{0,12}[^&\r\n]{0,40}(alert|prompt|confirm|eval|document|window|location|fetch|string|src|void\s{0,3}\(|\(\d)/ nocase
    $attribute = /\b(src|href|action|formaction|data|background|lowsrc|dynsrc|code|from|to|values|content|url|style|xlink:href|srcdoc|poster|srcset|folder|ping)\s{0,4}=?\s{0,4}[("'`]?\s{0,6}(\d;\s{0,4}url=)?(javascript|vbscript|livescript|mocha|jscript)\s{0,4}:/ nocase
    $vb = /\bvbscript:\s{0,4}(msgbox|execute|document|alert)/ nocase
    $data = /\bdata:(text\/html|text\/javascript|image\/svg\+xml|application\/(xhtml\+)?xml)[^,\r\n&]{0,40},[^\r\n]{0,12}(<|PHN|PHS|%3c|alert)/ nocase
    $expression = /\b(expression\s{0,6}\(|-moz-binding\s{0,4}:|behaviou?r\s{0,4}:\s{0,4}url)/ nocase
    $import = /@import\s{1,6}(url\()?['"]?(javascript|https?:\/\/[^\s]{1,60}\.css|data:)/ nocase
  condition:
    http and any of them
}

rule xss_markup {
  meta:
    id = "xss.markup"
    description = "The request carries an HTML element that loads or embeds foreign content"
    severity = "medium" score = 0.7 attack = "T1190, T1059.007" event_class = "xss"
    direction = "to_server" attacker = "initiator"
  strings:
    $frame = /<\s{0,3}(iframe|frame|frameset|embed|object|applet|base|bgsound|layer|ilayer|xml|isindex|math|keygen|marquee|animate|event-source|x)[\s\/][^>]{0,60}(src|href|data|code|codebase|srcdoc|action|id=xss|onload|values|xlink)\s{0,4}=/ nocase
    $meta = /<\s{0,3}meta\s[^>]{0,60}http-equiv/ nocase
    $link = /<\s{0,3}link\s[^>]{0,60}rel\s{0,3}=[^>]{0,40}(stylesheet|import|href)/ nocase
    $style = /<\s{0,3}style[\s\/>][^<]{0,100}(javascript|import|expression|-moz|behaviou?r|\{)/ nocase
    $img = /<\s{0,3}(img|image|input|video|audio|source|body|table|td|div|svg|a|form|button|isindex)[\s\/\x0b\x0c][^>]{0,160}(javascript:|vbscript:|alert\s{0,3}[(`&]|prompt\s{0,3}[(`&]|confirm\s{0,3}[(`&]|document\.|expression\s{0,3}\(|livescript|mocha|on\w{4,20}\s{0,3}=|xss)/ nocase
    $call = /(["'`>;=(){}\s\/\]]|^)(alert|prompt|confirm)\s{0,3}(\(\s{0,3}(\d|['"`\/]|document|window|location|this|string|xss|top|self|domain|\))|`)/ nocase
    $cookie = /\b(document\.(cookie|domain|write|location|documentelement|getelement\w{3,12}|createelement|body|vulnerable)|window\.(location|open|name|onerror|alert)|string\.fromcharcode|location\.(href|hash|replace)|localstorage)[\s(=.\[;,)"'`]/ nocase
    $constructor = /\bconstructor\.constructor\s{0,3}\(|\[\]\[['"(]|\b(window\.|=|;|"|'|>|\s)eval\s{0,3}\(\s{0,3}(name|atob|string|location|unescape|decodeuri|\+?['"`\/])/ nocase
    $ssi = /<!--\s{0,3}#\s{0,3}(exec|include|echo|printenv|config|set)\b/ nocase
  condition:
    http and any of them
}
