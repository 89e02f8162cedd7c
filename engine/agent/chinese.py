"""The program's own words in Chinese: the one table that reports and answers are translated by.

In a place ``{name}`` stands what is never translated, such as an id or captured text; in ``{~name}``
stands another entry of this table, in ``{!name}`` one without which the phrase is not meant.
"""

from __future__ import annotations

from typing import Final

PHRASES: Final[dict[str, str]] = {
    # Words of engine/types.py
    "info": "信息",
    "low": "低",
    "medium": "中",
    "high": "高",
    "critical": "严重",
    "malicious": "恶意",
    "suspicious": "可疑",
    "benign": "良性",
    "undetermined": "未定",
    "true_positive": "真实攻击",
    "benign_positive": "真实但无害",
    "false_positive": "误报",
    "pending": "等待决定",
    "approved": "已批准",
    "refused": "已拒绝",
    "expired": "已过期",
    "replay": "回放（不会执行）",
    "block": "封禁",
    "block list": "批量封禁",
    "found": "已找到",
    "gone": "已不存在",
    "not permitted": "无权限",
    "not recorded": "未记录",
    # Tactics
    "reconnaissance": "侦察",
    "resource-development": "资源开发",
    "initial-access": "初始访问",
    "execution": "执行",
    "persistence": "持久化",
    "privilege-escalation": "权限提升",
    "defense-evasion": "防御规避",
    "credential-access": "凭据访问",
    "discovery": "发现",
    "lateral-movement": "横向移动",
    "collection": "收集",
    "command-and-control": "命令与控制",
    "exfiltration": "数据外泄",
    "impact": "影响",
    # Event classes
    "trojan": "木马",
    "webshell": "网页后门",
    "web_exploit": "Web 漏洞攻击",
    "deserialisation": "反序列化攻击",
    "sql_injection": "SQL 注入",
    "xss": "跨站脚本攻击",
    "command_injection": "命令注入",
    "file_inclusion": "文件包含与目录遍历",
    "ssrf": "服务端请求伪造",
    "xxe": "XML 外部实体注入",
    "brute_force": "暴力破解",
    "weak_password": "弱口令",
    "scan": "扫描",
    "dos": "拒绝服务攻击",
    "c2_beacon": "C2 回连",
    "dns_tunnel": "DNS 隧道",
    "mining": "挖矿",
    "ransomware": "勒索软件",
    "phishing_download": "钓鱼与恶意下载",
    "lateral_movement": "横向移动",
    "privilege_escalation": "权限提升",
    "vulnerability_exploit": "漏洞利用",
    # Names in titles of incidents
    "Log4Shell": "Log4Shell",
    "reported event": "上报的事件",
    "SQL injection": "SQL 注入",
    "cross-site scripting": "跨站脚本攻击",
    "XML external entity": "XML 外部实体注入",
    "server-side request forgery": "服务端请求伪造",
    "denial of service": "拒绝服务攻击",
    "DNS tunnel": "DNS 隧道",
    "command-and-control traffic": "命令与控制流量",
    "cryptocurrency mining": "挖矿",
    "malware download": "恶意软件下载",
    "path traversal": "目录遍历",
    "exploit": "漏洞利用",
    "data exfiltration": "数据外泄",
    "suspicious payload": "可疑载荷",
    "brute force": "暴力破解",
    "command injection": "命令注入",
    "lateral movement": "横向移动",
    "privilege escalation": "权限提升",
    "weak password": "弱口令",
    "web exploit": "Web 漏洞攻击",
    "sql injection": "SQL 注入",
    "file inclusion": "文件包含与目录遍历",
    "c2 beacon": "C2 回连",
    "dns tunnel": "DNS 隧道",
    "phishing download": "钓鱼与恶意下载",
    "vulnerability exploit": "漏洞利用",
    # How a reported event was classified
    "rules and meaning": "规则与语义",
    "words only": "仅词语",
    # Headings and lines of a report
    "Incident {id}": "事件 {id}",
    "Summary": "概要",
    "Reported event": "上报的事件",
    "Verdict": "研判结论",
    "Claims": "论断与依据",
    "Timeline": "时间线",
    "Attack chain": "攻击链",
    "Attack chain: {chain}": "攻击链：{chain}",
    "Indicators of compromise": "失陷指标（IOC）",
    "Evidence": "证据",
    "Decision": "处置决定",
    "Plan": "调查计划",
    "Steps not performed": "未执行的步骤",
    "Recommended actions": "建议措施",
    "Notes": "备注",
    "{at} by {who}": "{at} 由 {who} 记录",
    "Trace": "调查记录",
    "Free text of the model": "模型的自由文本",
    "title": "标题",
    "target {target}, severity {~severity}, {~handshake}": "目标 {target}，严重程度：{~severity}，{~handshake}",
    "a TCP handshake was completed": "TCP 握手已完成",
    "no TCP handshake was completed": "TCP 握手未完成",
    "opened {opened}, last change {changed}, alerts: {count}": "开始于 {opened}，最后变化 {changed}，告警 {count} 条",
    "disposition {~disposition} (set by a person only)": "处置分类：{~disposition}（只能由人设定）",
    "analyst's summary": "分析员摘要",
    "severity {~value}": "严重程度：{~value}",
    "disposition {~value}": "处置分类：{~value}",
    "Written by another product; the program saw none of it itself.": (
        "由其他产品上报；本程序未亲自观察到其中任何内容。"
    ),
    "reported at {at} as {origin}: {proto} {ends}": "上报时间 {at}，来源格式 {origin}：{proto} {ends}",
    "class {~event_class}, confidence {confidence}": "类别：{~event_class}，置信度 {confidence}",
    "name of the event": "事件名称",
    "content of the event": "事件内容",
    "not yet": "尚未得出",
    "{~conclusion}, severity {~severity}, at {at}": "{~conclusion}，严重程度：{~severity}，时间 {at}",
    "by the playbook analyst, without a language model": "由剧本分析员得出，未使用语言模型",
    "by the language model": "由语言模型得出",
    "suggested disposition {~disposition}": "建议的处置分类：{~disposition}",
    "no ids": "无编号",
    "supported": "有依据",
    "UNSUPPORTED": "无依据",
    "{at} last of {count} repeats of {id}": "{at} {id} 共重复 {count} 次，此为最后一次",
    "{at} verdict: {~conclusion}": "{at} 研判结论：{~conclusion}",
    "{at} {id} {detector} {label} ({~severity})": "{at} {id} {detector} {label}（{~severity}）",
    "first seen {at}": "首次出现 {at}",
    "named in the verdict": "由研判结论指出",
    "named": "结论指出",
    "no tactic known": "战术未知",
    "no technique was recognised": "未识别出任何技术",
    "{id} {kind}, {at}, SHA-256 {sha256}": "{id} {kind}，{at}，SHA-256 {sha256}",
    "no block was proposed and nothing was decided": "没有提出封禁，也没有任何决定",
    "{seconds} s": "{seconds} 秒",
    "ever": "永久",
    "proposal {id}: {~action} {prefix} for {term}, {~state}": "提案 {id}：{~action} {prefix}，时长：{term}，{~state}",
    "made by the playbook analyst": "由剧本分析员制定",
    "made by": "制定者",
    "{count} steps, each chained to the one before: none was changed, added or taken out between them": (
        "共 {count} 步，每一步都与前一步链接：其间没有任何一步被修改、添加或取出"
    ),
    "{count} steps, without a chain: an edit would not show": "共 {count} 步，没有链接：若被修改将无法发现",
    "BROKEN at step {number} of {count}: it, or a step before it, was changed, cut or added later": (
        "在第 {number} 步（共 {count} 步）处断裂：该步或之前的某一步曾被修改、删除或事后添加"
    ),
    "Written by a language model that read the attacker's bytes; not checked.": (
        "由读取过攻击者数据的语言模型所写；未经核实。"
    ),
    "model": "模型",
    "none": "无",
    "and {count} more": "另有 {count} 条",
    # Answers to questions
    "{~title}; alerts: {count}, from {opened} to {changed}; severity {~severity}.": (
        "{~title}：告警 {count} 条，从 {opened} 到 {changed}，严重程度：{~severity}。"
    ),
    "There is no verdict yet.": "尚无研判结论。",
    "Concluded {~conclusion}, severity {~severity}, by {analyst}; disposition set by a person: {~disposition}.": (
        "结论：{~conclusion}，严重程度：{~severity}，由 {analyst} 得出；人所设定的处置分类：{~disposition}。"
    ),
    "The other end is {target}, this host's end {local}; {~handshake}.": (
        "对端地址为 {target}，本机一端为 {local}；{~handshake}。"
    ),
    "It began at {opened}; the last alert was at {changed}.": "开始于 {opened}；最后一条告警在 {changed}。",
    "{at} {label} ({~severity}): {~reason}": "{at} {label}（{~severity}）：{~reason}",
    "Nothing was blocked: no block was proposed and nothing was decided.": (
        "没有封禁任何地址：没有提出封禁，也没有任何决定。"
    ),
    "Proposal {id} to block {prefix}: {~state}. {~reason}": "封禁 {prefix} 的提案 {id}：{~state}。{~reason}",
    "Decision: {line}": "决定：{line}",
    "Nothing is known of a process: it was not asked for, gone, or not permitted to see.": (
        "对相关进程一无所知：未曾查询、已不存在或无权查看。"
    ),
    "Proposal {id} to block {prefix} waits for a decision.": "封禁 {prefix} 的提案 {id} 正等待决定。",
    "Nothing is recommended yet.": "目前没有建议。",
    "No step is noted as left out.": "没有记录到未执行的步骤。",
    "{summary}: {text}": "{summary}：{text}",
    # Kinds of indicators
    "address": "地址",
    "name in the traffic": "流量中的名称",
    "program": "程序",
    "SHA-256 of program": "程序的 SHA-256",
    "SHA-256 of payload": "载荷的 SHA-256",
    "file": "文件",
    "SHA-256 of file": "文件的 SHA-256",
}
"""What reports and answers say, and the words that stand in other phrases."""

SENTENCES: Final[dict[str, str]] = {
    # Titles of incidents
    "{!first}, then {!second}": "{!first}，随后 {!second}",
    "{!names} and {count} more": "{!names}，另有 {count} 种",
    # The playbook analyst
    "{label} ({!severity}, {detector}), {count} time: {~reason}": (
        "{label}（{!severity}，{detector}），{count} 次：{~reason}"
    ),
    "{label} ({!severity}, {detector}), {count} times: {~reason}": (
        "{label}（{!severity}，{detector}），{count} 次：{~reason}"
    ),
    "{ip} completed a handshake or answered: the address is not spoofed.": (
        "{ip} 完成过握手或作出过应答：地址并非伪造。"
    ),
    "{ip} never completed a handshake here: the address may be spoofed.": ("{ip} 在此从未完成握手：地址可能是伪造的。"),
    "The behaviour matches {technique}.": "该行为与 {technique} 相符。",
    "Related knowledge: {title}.": "相关知识：{title}。",
    "The connection belongs to process {pid} ({comm}).": "该连接属于进程 {pid}（{comm}）。",
    "{~text} It runs a deleted or hidden program, or one from a folder anyone may write.": (
        "{~text}所运行的程序已被删除、被隐藏，或位于任何人可写的目录。"
    ),
    "Process {pid} runs {program} as {user} under {unit}, children: {children}.": (
        "进程 {pid} 以 {user} 身份在 {unit} 下运行 {program}，子进程：{children}。"
    ),
    "Process {pid} runs {program} as {user}, children: {children}.": (
        "进程 {pid} 以 {user} 身份运行 {program}，子进程：{children}。"
    ),
    "Process {pid} runs {program} as {user} under {unit}.": "进程 {pid} 以 {user} 身份在 {unit} 下运行 {program}。",
    "Process {pid} runs {program} as {user}.": "进程 {pid} 以 {user} 身份运行 {program}。",
    "Its program file of the package {package} belongs to {owner}, mode {mode}.": (
        "其程序文件属于软件包 {package}，所有者 {owner}，权限 {mode}。"
    ),
    "Its program file belongs to {owner}, mode {mode}.": "其程序文件的所有者为 {owner}，权限 {mode}。",
    "Logins from the target in this host's log: {good} successful, {bad} failed.": (
        "此主机日志中来自目标的登录：成功 {good} 次，失败 {bad} 次。"
    ),
    "Earlier incidents with the target: {~count}.": "与目标有关的早先事件：{~count}。",
    "Places that start programs, by their last change: {count}; the newest is {path}.": (
        "会启动程序的位置，按最后改动：{count} 处；最新的是 {path}。"
    ),
    "Places that start programs, by their last change: {count}.": "会启动程序的位置，按最后改动：{count} 处。",
    "Names that DNS gave for the target: {names}.": "DNS 为目标给出的名称：{names}。",
    "Strongly against the target: {~reason}.": "强烈不利于目标：{~reason}。",
    "Speaks against the target: {~reason}.": "不利于目标：{~reason}。",
    "Slightly against the target: {~reason}.": "略微不利于目标：{~reason}。",
    "Strongly for a harmless cause: {~reason}.": "强烈表明原因无害：{~reason}。",
    "Speaks for a harmless cause: {~reason}.": "表明原因无害：{~reason}。",
    "Slightly for a harmless cause: {~reason}.": "略微表明原因无害：{~reason}。",
    "Number of flows that name the target: {count}.": "涉及目标的流数量：{count}。",
    "Number of alerts that name the target: {count}.": "涉及目标的告警数量：{count}。",
    "The tools found nothing beyond the alerts.": "除告警外，各工具未发现更多内容。",
    "Playbook analyst ({~playbook}; no language model took part): {~title}. Concluded {~conclusion}, {~severity}: "
    "{against} considerations against the target, {harmless} for a harmless cause, together {score} (malicious from "
    "{malicious}, benign from {benign}); {~basis}; {~source}.": (
        "剧本分析员（{~playbook}；没有语言模型参与）：{~title}。结论：{~conclusion}，{~severity}："
        "不利于目标的因素 {against} 项，表明原因无害的因素 {harmless} 项，合计 {score}"
        "（{malicious} 起为恶意，{benign} 起为良性）；{~basis}；{~source}。"
    ),
    "playbook {id}": "剧本 {id}",
    "no playbook for this class of event": "此类事件没有剧本",
    "alerts of high or critical severity from rules or behaviour: {count}": (
        "由规则或行为给出的高或严重级别告警：{count} 条"
    ),
    "the source is real": "来源真实",
    "the source may be spoofed": "来源可能是伪造的",
    "Set by the program: the model said {~said}, {~before}; the detections stand at {~conclusion}, {~severity}.": (
        "由程序设定：模型认为 {~said}，{~before}；检测结果为 {~conclusion}，{~severity}。"
    ),
    # Steps that were not performed
    "{~step}: no tool serves this step": "{~step}：没有工具可执行此步骤",
    "{~step}: {tool} was not called": "{~step}：未调用 {tool}",
    "{~step}: {tool}: {~finding}; nothing is concluded from it": "{~step}：{tool}：{~finding}；不据此下任何结论",
    "planned, and {tool} was not called": "已计划，但未调用 {tool}",
    "Read what was sent.": "查看所发送的内容。",
    "Find the process behind the connection.": "查找该连接背后的进程。",
    "Describe that process.": "描述该进程。",
    "Look at what else the address did.": "查看该地址的其他行为。",
    "Look at what else was reported.": "查看其他相关告警。",
    # What speaks for or against an attack
    "the request has this host turn to a service that tells strangers who turned to it": (
        "请求让本机转向一个会告知陌生人来访者的服务"
    ),
    "this host itself opened a connection to the sender after the request": "请求之后，本机主动连接了发送者",
    "every one of several requests holds attack syntax": "多个请求中每一个都含有攻击语法",
    "no request holds syntax that would do anything where it stands": "没有任何请求含有在其所处位置会生效的语法",
    "the request has this host turn to the sender's own address": "请求让本机转向发送者自己的地址",
    "the request has this host turn to an address without a name": "请求让本机转向一个没有名称的地址",
    "the request hides its words from filters": "请求对过滤器隐藏其用词",
    "the value first closes the quote or element that it is put into": "该值先闭合了它所处的引号或元素",
    "the markup sends elsewhere what belongs to the user, or runs a stranger's script": (
        "该标记把属于用户的内容发往别处，或运行陌生人的脚本"
    ),
    "several forms of the syntax were sent to one place": "同一位置收到了该语法的多种形式",
    "the client is a script or a browser of long ago, and shows no session": (
        "客户端是脚本或多年前的浏览器，且不带任何会话"
    ),
    "somebody without credentials sets up accounts, roles or settings": "不出示凭据者在设置账户、角色或配置",
    "a script is called where only what users hand in should lie": "在只应存放用户上传内容之处调用了脚本",
    "the address is that of a known hole in a product": "该地址是某产品已知漏洞的地址",
    "the answer took as long as the request told the host to wait": "应答所用时间与请求要求本机等待的时间一致",
    "the answer is framed as known web shells frame theirs": "应答的框定方式与已知网页后门相同",
    "the application stumbled over what was sent and shows where": "应用因所发送的内容出错，并显示了出错之处",
    "what was sent moves the files of a service or whom it follows": (
        "所发送的内容移动了服务的文件，或改变了它所跟随的对象"
    ),
    "every request came with credentials or a session, and all were served": "每个请求都带有凭据或会话，且都得到了服务",
    "all that is asked for is a picture, a font or a style": "所请求的只是图片、字体或样式",
    "the address handed over is one of the same site": "所交付的地址属于同一站点",
    "the service is there to ask other services how they are": "该服务的职责就是询问其他服务的状态",
    "the program is there for those who are signed in to read files, ask databases and run commands": (
        "该程序供已登录者读取文件、查询数据库和执行命令"
    ),
    "the service answers in kind and without complaint, as it answers its own clients": (
        "服务以同类内容应答且无报错，如同应答它自己的客户端"
    ),
    "the server accepted a name and password before anything else": "服务器首先接受了用户名和密码",
    "the name of the host inside says that it calls others by trade": "内部主机的名称表明，调用其他主机是它的职责",
    "the fetch bears credentials of the user": "该下载带有用户的凭据",
    "the download is as large as installers and updates are": "该下载与安装程序和更新一样大",
    "the name of the host inside is that of a guest, a trial or somebody's desk": (
        "内部主机的名称属于访客、试验机或某人的办公桌"
    ),
    "code stands in a header that programs fill in and nobody types": "代码位于由程序填写、无人手工输入的头部",
    "the words were looked up in a search, and the answer lists what was found": (
        "这些词被用于搜索，应答列出了找到的内容"
    ),
    "the client shows no session and comes from no page": "客户端不带会话，也不是从任何页面而来",
    "the client names itself as a product with its version": "客户端自报产品名称及其版本",
    "the syntax stands in a value of a structured document": "该语法位于结构化文档的一个值中",
    "much passes over the connection or it lasts, and all is served": "该连接传输量大或持续时间长，且全部得到服务",
    "the server broke down over the request": "服务器因该请求而崩溃",
    "an address in the request is one that servers inside keep from strangers, or disguised": (
        "请求中的一个地址是内部服务器不对陌生人开放的地址，或经过伪装"
    ),
    "the host inside names its own address, as those do who register themselves": (
        "内部主机给出自己的地址，如同自我注册者"
    ),
    "all inner addresses in the request are pictures, documents or signs of life of a service": (
        "请求中的所有内部地址都是图片、文档或服务的存活页面"
    ),
    "this host itself fetched a document type from elsewhere": "本机自己从别处获取了文档类型",
    "this host itself fetched a document type from an address without a name": (
        "本机自己从一个没有名称的地址获取了文档类型"
    ),
    "this host itself asked a neighbour for its secrets": "本机自己向邻居索取其机密",
    "the attack syntax stands in the address or a header of the request, where the application acts on it": (
        "攻击语法位于请求的地址或头部，应用会在此处执行"
    ),
    "the attack syntax stands in a short value of the request": "攻击语法位于请求的一个短值中",
    "the syntax stands inside running text, where nothing runs it": "该语法位于普通文字之中，没有任何东西会执行它",
    "the stream opens with the signature itself": "数据流以该特征本身开头",
    "what was sent fetches a program, opens a shell or takes credentials out of memory": (
        "所发送的内容会下载程序、打开 shell 或从内存中取得凭据"
    ),
    "what was sent calls a command of the system": "所发送的内容调用了系统命令",
    "what was sent makes hidden files or wipes its traces": "所发送的内容会创建隐藏文件或清除痕迹",
    "what was sent turns a service into a way to write files or run code": (
        "所发送的内容把服务变成写文件或执行代码的途径"
    ),
    "the text demands payment for data, or registers a victim's key": "文字中要求为数据付款，或登记受害者的密钥",
    "the request asks for a file of accounts, keys or settings": "请求索取账户、密钥或配置文件",
    "the request climbs out of its folder": "请求跳出其所在目录",
    "the request holds the forms that probe or dump a database": "请求含有探测或转储数据库的写法",
    "the object names classes of a known chain to run code": "对象中含有已知代码执行利用链的类名",
    "the request holds an expression that the server would evaluate": "请求含有服务器会求值的表达式",
    "an address in the request points at the inside of this network": "请求中的地址指向本网络内部",
    "the markup runs script that reads or sends what belongs to the user": "标记会运行读取或发送用户所属内容的脚本",
    "a script file that runs what it is sent is uploaded": "上传了会运行所收内容的脚本文件",
    "the document's entities read files or blow up": "文档的实体会读取文件或无限展开",
    "the document loads entities from a bare address": "文档从裸地址加载实体",
    "the document's entities are plain text or a public character set": "文档的实体是纯文本或公开的字符集",
    "the object names no class of a known chain": "对象中没有已知利用链的类名",
    "the markup reads and sends nothing": "标记既不读取也不发送任何内容",
    "the answer holds the output of a command or a file of accounts": "应答含有命令的输出或账户文件",
    "the answer holds a database error or database rows": "应答含有数据库错误或数据行",
    "the answer holds credentials or the inside of another service": "应答含有凭据或其他服务的内部内容",
    "the answer gives the markup back as it was sent": "应答原样返回了该标记",
    "the answer gives the markup back escaped": "应答以转义形式返回了该标记",
    "the application took the request as content and answers with what it stored": (
        "应用将请求作为内容接受，并返回其所存储的内容"
    ),
    "the process started something out of a folder for downloads or temporary files": (
        "该进程从下载或临时文件夹启动了某个程序"
    ),
    "the server has started a shell, as attacks do and some applications too": (
        "服务器启动了 shell，攻击会如此，某些应用也会如此"
    ),
    "the program file was given the rights of its owner within the last day": (
        "该程序文件在最近一天内被赋予其所有者的权限"
    ),
    "the answer lists the names and passwords of several people": "应答列出了多人的用户名和密码",
    "the request holds a form that only exploits of applications have": "请求含有只有应用漏洞利用才有的形式",
    "the request came with credentials of the application, and was served": "请求带有应用的凭据，并得到了服务",
    "a known user changed content where the application has it changed": "已知用户在应用供修改之处改动了内容",
    "the service takes in reports of other programs and took this one": "该服务接收其他程序的报告，并接收了这一份",
    "the request was followed from a page of the same site": "该请求由同一站点的页面跟随而来",
    "the server went through an ordinary dialogue and refused nothing": "服务器走完了普通的对话，未拒绝任何内容",
    "a known user handed in a file to be kept, which the server reads nothing of": (
        "已知用户交来一个供保存的文件，服务器并不读取其内容"
    ),
    "the address spoke the same words to several ports, or tried many": (
        "该地址对多个端口说了相同的内容，或尝试了许多端口"
    ),
    "the service broke the connection off without an answer, each time": "该服务每次都在没有应答的情况下断开连接",
    "the address that came in is of no inner network": "来访地址不属于任何内部网络",
    "settings were changed or data was taken in bulk after the login": "登录之后改动了设置或成批取走了数据",
    "different passwords were tried": "尝试了不同的密码",
    "several accounts were tried": "尝试了多个账户",
    "one account tries the same password again, as a job does whose password is old": (
        "一个账户反复尝试同一密码，如同密码已过时的作业"
    ),
    "the logins were refused again and again": "登录一再被拒绝",
    "the request came in a session or with credentials that the application accepted": "请求来自应用所接受的会话或凭据",
    "the application refused the request": "应用拒绝了该请求",
    "the syntax was tried several times in a short while and refused": "短时间内多次尝试该语法并被拒绝",
    "the program is deleted, hidden, or lies where anyone may write": "该程序已被删除、被隐藏，或位于任何人可写之处",
    "the program poses as a thread of the kernel": "该程序冒充内核线程",
    "a server that answers the network started it": "由应答网络的服务器启动了它",
    "the server has started a shell or a command": "该服务器启动了 shell 或命令",
    "a child of the process works for the target or opens a shell": "该进程的子进程受目标驱使，或打开了 shell",
    "a child of the process has a hidden name": "该进程的子进程有隐藏的名称",
    "the arguments of the process decode code, open sockets or name hidden folders": (
        "进程的参数会解码代码、打开套接字或提及隐藏目录"
    ),
    "the program file is less than a day old and of no package": "程序文件存在不到一天，且不属于任何软件包",
    "the connection was made by an installed program under its own unit": "连接由自有单元下的已安装程序建立",
    "the server is an installed program under its unit and started nothing unusual": (
        "服务器是其单元下的已安装程序，没有启动异常之物"
    ),
    "the process asks for others, so it tells nothing about who wanted it": "该进程替他人查询，因此无法说明是谁要查询",
    "the process is part of a build or configuration system": "该进程属于构建或配置系统",
    "failed logins from the address ended in a password that fit": "来自该地址的失败登录最终以正确口令结束",
    "many logins failed for several accounts and none of them got in": "多个账户多次登录失败，无一成功",
    "one account fails again and again and is known here by its key": "同一账户反复失败，且在此以其密钥为人所知",
    "most users who failed got in soon after: they mistyped": "多数失败的用户随后成功登录：他们只是输错了",
    "logins from the address failed and none got in": "来自该地址的登录失败，无一成功",
    "the account has logged in from this address many times before": "该账户此前多次从此地址登录",
    "a user logged in from the address with a key before it began": "在此之前有用户从该地址以密钥登录",
    "a user logged in from the address before it began": "在此之前有用户从该地址登录",
    "a login from the address followed the attack": "攻击之后有来自该地址的登录",
    "the user at the address holds a key of this host": "该地址的用户持有此主机的密钥",
    "a person called an earlier incident of this kind with the address harmless": (
        "有人曾将此地址的一起同类事件判为无害"
    ),
    "persons called earlier incidents of this kind with the address harmless, more than once": (
        "有人曾不止一次将此地址的同类事件判为无害"
    ),
    "a person called an earlier incident with the address hostile": "有人曾将此地址的一起事件判为敌对",
    "the address bears the name of a search engine": "该地址带有搜索引擎的名称",
    "the address is one that is handed out to whoever comes": "该地址属于分配给任意来者的地址",
    "a place that starts programs was changed around the event and names the target, a temporary folder or a shell": (
        "在事件前后，某个启动程序的位置被改动，并提及目标、临时目录或 shell"
    ),
    "the list of libraries loaded into every program was changed around the event": (
        "在事件前后，每个程序都会加载的库列表被改动"
    ),
    "a login key was added around the event": "在事件前后添加了登录密钥",
    "what starts by itself here is old: a standing job may have done it": "此处的自启动项都是旧的：可能是常驻任务所为",
    "the address tried many ports, and most never answered": "该地址尝试了许多端口，多数从未应答",
    "the client reads the rules for crawlers first": "该客户端先读取爬虫规则",
    "the client follows links of a page it was given, in a session": "该客户端在会话中跟随所给页面的链接",
    "hardly one of many connections was ever completed": "许多连接几乎都未完成",
    "the connections are complete and served": "连接完整并得到服务",
    "small questions from a server's port draw far larger answers": "来自服务器端口的小请求引出大得多的应答",
    "the datagrams flow in both directions, or from many ports": "数据报双向流动，或来自许多端口",
    "the requests differ as users differ, and are served": "请求如同不同用户一般各异，并得到服务",
    "the service begins to fail": "服务开始失效",
    "the server offers this access to everybody": "服务器向所有人提供此访问",
    "the session takes data away": "该会话带走了数据",
    "the session only delivers its data": "该会话只是交付其数据",
    "a shell is spoken in clear": "以明文使用 shell",
    "logins succeed in between, at the pace of people": "其间有登录成功，节奏与人相符",
    "the server answers in the same protocol: the client speaks to the right one": (
        "服务器以相同协议应答：客户端所连正是其所求"
    ),
    "this host sent it itself, to a server elsewhere": "是此主机自行发往别处的服务器",
    "the other side served it": "对方提供了服务",
    "the server is asked for by a bare address": "以裸地址访问该服务器",
    "the client names itself and its version": "客户端表明了其名称和版本",
    "both sides speak plainly readable data": "双方所说的都是明白可读的数据",
    "the answers are orders": "应答是指令",
    "the client logs in to a mining pool": "客户端登录矿池",
    "the server bears the name of a mining pool": "服务器带有矿池的名称",
    "the server bears the name of a computing project": "服务器带有计算项目的名称",
    "the volume is that of work units, not of a pool": "数据量与工作单元相符，而非矿池",
    "the file is one that runs macros or script when opened": "该文件在打开时会运行宏或脚本",
    "the names are those of a lure": "名称具有诱饵特征",
    "the link is made for one mail address": "该链接为某一邮件地址而制",
    "a password leaves in clear": "口令以明文离开",
    "checksums or a signature were fetched too": "校验和或签名也被获取",
    "the server borrows the name of the organisation, or hands the user on to the true site": (
        "服务器借用该组织的名称，或将用户转交到真正的站点"
    ),
    "the names are those of stolen data": "名称与被窃数据相符",
    "a program came over a bare connection": "程序经由裸连接而来",
    "long filler is followed by machine code": "长填充之后是机器码",
    "the names asked for are those of a well-known service of the name system": "所查询的名称属于域名系统中知名的服务",
    "the names asked for decode to readable text": "所查询的名称可解码为可读文本",
    "the names asked for are as long as they can be": "所查询的名称达到最大长度",
    "the same names are asked for again": "反复查询相同的名称",
    "the names asked for are numbered": "所查询的名称带有编号",
    "the names asked for are letters without sense": "所查询的名称是没有意义的字母",
    "the answers are keys and settings as anyone may read them": "应答是任何人都可读取的密钥和设置",
    "the answers carry encoded data": "应答携带编码数据",
    "the record types are those that carry most data": "记录类型是携带数据最多的类型",
    "names are asked for at a port that is not the name system's": "在不属于域名系统的端口上查询名称",
    "a compiler or test runner of a person started the program it had just built": (
        "有人的编译器或测试工具启动了刚刚编译出的程序"
    ),
    "the process works in a folder for temporary or uploaded files": "该进程在存放临时文件或上传文件的目录中工作",
    "the account of a service runs a shell, an interpreter or a tool to fetch files": (
        "服务账户运行了shell、解释器或下载工具"
    ),
    "a program that only pipes bytes made the connection": "建立连接的是一个只转发字节的程序",
    "what is fetched goes straight into a shell": "下载的内容直接交给shell执行",
    "the program stands on the command line itself": "程序代码直接写在命令行里",
    "somebody packs or sends data by hand in a session": "有人在会话中手工打包或发送数据",
    "a person at work in a session made the connection": "连接由正在会话中工作的人员建立",
    "the other end is inside this network": "连接的另一端在本网络内部",
    "the encrypted connection names no server": "加密连接没有给出服务器名称",
    "the server's name holds letters and digits that nobody chose": "服务器名称含有并非人为选取的字母和数字",
    "what this host is and what its commands say leaves it": "本机信息或命令输出被发送到外部",
    "the client on this host says that it is a browser on a desktop": "本机上的客户端自称是桌面浏览器",
    "the page's script opens a shell on the reader's machine": "页面脚本会在访问者的机器上打开shell",
    "several rules or behaviours saw different signs of it": "多条规则或行为检测发现了不同的迹象",
    "hundreds of packets a second come and none is answered": "每秒到来数百个数据包且无一得到应答",
    "programs are started on this host by way of its service control": "通过服务控制接口在本机启动程序",
    "a copy of data that lay about is handed out": "随意存放的数据副本被下载",
    "most of what is asked for is not there": "所请求的内容大多不存在",
    "the password is the one that makers ship": "使用的是厂商出厂密码",
    "somebody inside uses the service and does nothing of an administrator": "内部人员使用该服务，没有任何管理操作",
    "one password is tried for several accounts": "用同一个密码尝试多个账户",
    "a demand for payment is left with the data": "数据旁留下了索要赎金的文字",
    "files are changed faster than a person can": "文件被更改的速度超过人工操作",
    "data is dropped by somebody who names no user": "未表明身份的人删除了数据",
    "none of the names asked for exists": "所查询的域名均不存在",
    "evidence of several kinds that no sender can bring about speaks for a harmless cause": (
        "发送方无法伪造的多类证据表明其原因无害"
    ),
    "the names belong to a service that tells its user who asked": "这些域名属于会告知使用者谁查询过的服务",
    "hundreds of names are asked for, more than one a second": "查询了数百个域名，每秒不止一个",
    "a server that answers strangers turns to its neighbours": "一台对外服务的服务器转而访问邻近主机",
    "an account of all rights came in by password from where the log knew nobody": (
        "最高权限账户用密码从日志中从未出现过的地址登录"
    ),
    "the process, its parents or its children are tools made for attacks": (
        "该进程、其父进程或子进程是专为攻击制作的工具"
    ),
    "every try is the same to the byte, as a program's whose password is old": (
        "每次尝试的字节完全相同，如同仍在使用旧密码的程序"
    ),
    "every try differs and every answer is the same": "每次尝试各不相同，而应答完全一样",
    "the request came with credentials and was served": "请求带有凭据并得到了响应",
    "the account is one that programs use for a task": "该账户是供程序执行任务使用的",
    "a few failed logins of one account ended in a password that fit": "同一账户几次登录失败后，终于有一个密码正确",
    "a person called an incident of this kind with the address wanted activity within the last days": (
        "数日内有人将该地址的同类事件判定为正常的预期活动"
    ),
    "a person called an incident of this kind with the address harmless long ago": (
        "很久以前有人将该地址的同类事件判定为无害"
    ),
    "a person called an incident with the address hostile within the last day": "一天之内有人将该地址的事件判定为恶意",
    "an incident of another kind with the address of the last day is still open": "该地址一天内的另一类事件尚未结案",
    "logins from the address mostly succeed": "来自该地址的登录大多成功",
    "commands are sent that find out users, rights and neighbours": "发送了查探用户、权限和邻近主机的命令",
    "the far end is a service where anybody drops files or messages unnamed": (
        "对端是任何人都可匿名投放文件或消息的服务"
    ),
    "echo requests carry what no ping program puts there": "回显请求携带了ping程序不会放入的内容",
    "the names and words are those of a known program to back up or lock up data": (
        "名称和用词属于已知的备份或加密保管程序"
    ),
    "the service is there to tell what it sees, to print, to keep copies or to hand on a console": (
        "该服务的本职就是上报状态、打印、保存副本或转接控制台"
    ),
    "the names and words tried are those of every list of guesses": "所尝试的用户名和密码来自常见的猜测字典",
    "the accounts are numbered, as those of devices are": "账户按编号命名，如同设备账户",
    "a field is filled up with one byte over and over": "某个字段被同一个字节反复填满",
    "what was sent reads and writes memory by way of a printing routine": "发送的内容借助格式化输出函数读写内存",
    "the other end bears a name as this network gives them": "对端的名称符合本网络的命名方式",
    "one socket asks for every name": "由同一个套接字查询所有名称",
    # Why a block is proposed
    "{label} ({!severity}, {detector}): {~reason}": "{label}（{!severity}，{detector}）：{~reason}",
    "{label} ({!severity}, {detector}) and {count} more: {~reason}": (
        "{label}（{!severity}，{detector}）以及另外 {count} 条：{~reason}"
    ),
    "asked for by the model {model}; no rule or behaviour of high severity supports it": (
        "由模型 {model} 提出；没有高级别的规则或行为支持"
    ),
    "asked for by a program outside; incident {id}, severity {~severity}": (
        "由外部程序提出；事件 {id}，严重程度：{~severity}"
    ),
    "no block: the playbook of this class of event does not propose one": "不封禁：此类事件的剧本不建议封禁",
    "no block: no rule or behaviour of high severity supports one": "不封禁：没有高级别的规则或行为支持",
    "no block: {~first}; {~second}": "不封禁：{~first}；{~second}",
    "no block: {~reason}": "不封禁：{~reason}",
    "what was found speaks for a harmless cause": "所发现的内容表明原因无害",
    # Decisions
    "approved by {approver}: {made}, read back after {ms} ms": "由 {approver} 批准：{made}，{ms} 毫秒后读回确认",
    "refused {id}": "已拒绝 {id}",
    "kept the block of {target}": "保留了对 {target} 的封禁",
    "removed the block of {prefix}": "解除了对 {prefix} 的封禁",
    "no proposal for {prefix}: {error}": "没有为 {prefix} 提出提案：{error}",
    "{id} expired: nothing was done": "{id} 已过期：未执行任何操作",
    "{id} is {~state}, not decided at this console": "{id} {~state}，并非在此控制台决定",
    # Detectors
    "One source made {count} short visits to a login service within two minutes": (
        "同一来源两分钟内对登录服务进行了 {count} 次短暂访问"
    ),
    "One source made {count} logins that the server refused within two minutes": (
        "同一来源两分钟内有 {count} 次登录被服务器拒绝"
    ),
    "One source made {count} posts to a login page within two minutes": "同一来源两分钟内向登录页面提交了 {count} 次",
    "One source made {count} different credentials for one web server within two minutes": (
        "同一来源两分钟内对同一网站服务器使用了 {count} 组不同凭据"
    ),
    "One source tried {count} closed or silent ports of one host within a minute": (
        "同一来源一分钟内尝试了同一主机的 {count} 个关闭或无应答的端口"
    ),
    "One source tried the same door of {count} silent hosts within a minute": (
        "同一来源一分钟内尝试了 {count} 台无应答主机的同一端口"
    ),
    "The first {count} bytes sent to the server score {score}, threshold {threshold}.": (
        "发往服务器的前 {count} 字节得分 {score}，阈值 {threshold}。"
    ),
    "The first {count} bytes sent to the client score {score}, threshold {threshold}.": (
        "发往客户端的前 {count} 字节得分 {score}，阈值 {threshold}。"
    ),
    "Another product reported an event, classed as {~event_class} with confidence {confidence} ({~by}).": (
        "其他产品上报了一个事件，归类为 {~event_class}，置信度 {confidence}（{~by}）。"
    ),
    # Signature rules
    "A DNS question carries encoded data of a tunnelling tool in its labels": (
        "DNS 查询的标签中携带了隧道工具的编码数据"
    ),
    "A Java RMI exchange carries a remote reference that loads a class from elsewhere": (
        "Java RMI 交互中携带了从别处加载类的远程引用"
    ),
    "A TLS heartbeat asks for more bytes than it sends (Heartbleed)": (
        "TLS 心跳索取的字节多于其发送的字节（Heartbleed）"
    ),
    "A TLS heartbeat is sent over TCP, where only tests for Heartbleed use it": (
        "在 TCP 上发送了 TLS 心跳，只有 Heartbleed 测试才会这样做"
    ),
    "A Telnet session is driven by a Mirai-like loader": "Telnet 会话由类似 Mirai 的加载器操作",
    "A UNION SELECT is spliced into a parameter of the request": "请求参数中拼接了 UNION SELECT",
    "A bare connection carries a shell: prompts or command output without any protocol": (
        "裸连接中出现 shell：没有任何协议的提示符或命令输出"
    ),
    "A bot reports to its IRC channel with a nickname made from the host": (
        "僵尸程序以由主机信息构成的昵称向其 IRC 频道报到"
    ),
    "A certificate holds a punycode mail domain long enough to overflow OpenSSL 3.0 (CVE-2022-3602)": (
        "证书中的 punycode 邮件域名长到足以使 OpenSSL 3.0 溢出（CVE-2022-3602）"
    ),
    "A compiled Java class is served over plain HTTP and its code starts a process or opens a socket": (
        "通过明文 HTTP 提供的 Java 类文件，其代码会启动进程或打开套接字"
    ),
    "A condition that is always true or always false is spliced into a parameter": "参数中拼接了恒真或恒假的条件",
    "A directory server answers with a Java object or a code base to load": (
        "目录服务器返回了要加载的 Java 对象或代码库"
    ),
    "A header defines a bash function and runs a command after it (Shellshock)": (
        "请求头定义了 bash 函数并在其后执行命令（Shellshock）"
    ),
    "A listening shell answers with prompts or command output without any protocol": (
        "监听中的 shell 返回了没有任何协议的提示符或命令输出"
    ),
    "A parameter calls database functions that injection tools use to read data": (
        "参数调用了注入工具用来读取数据的数据库函数"
    ),
    "A parameter carries template code that reads objects of the server or computes": (
        "参数携带了读取服务器对象或进行计算的模板代码"
    ),
    "A parameter closes a quoted SQL value and comments out the rest of the statement": (
        "参数闭合了带引号的 SQL 值并注释掉语句其余部分"
    ),
    "A parameter is nothing but a shell separator and one word, as a command probe is": (
        "参数仅由 shell 分隔符和一个单词构成，形同命令探测"
    ),
    "A parameter makes the database wait, a way to read it without seeing its answers": (
        "参数使数据库等待，这是不看应答也能读取数据的手法"
    ),
    "A parameter makes the server speak gopher, dict or another old protocol to a host of the sender's choice": (
        "参数使服务器以 gopher、dict 或其他旧协议访问发送者指定的主机"
    ),
    "A parameter points the server at a cloud metadata service": "参数将服务器引向云元数据服务",
    "A program file is fetched over plain HTTP from an address without a name": (
        "通过明文 HTTP 从没有域名的地址获取程序文件"
    ),
    "A program file is served over plain HTTP from a bare address or under the name of another kind of file": (
        "通过明文 HTTP 从裸地址或以其他类型文件的名义提供程序文件"
    ),
    "A program is sent down a bare connection without any protocol, as stagers do": (
        "在没有任何协议的裸连接上发送程序，与分段加载器的做法相同"
    ),
    "A remote procedure call carries an overflow or a command to a service known to run it": (
        "远程过程调用向已知会执行的服务携带了溢出数据或命令"
    ),
    "A script is delivered that runs hidden or encoded PowerShell": "下发了运行隐藏或编码 PowerShell 的脚本",
    "A serialised Java object holds the classes of a known gadget chain": "序列化的 Java 对象含有已知利用链的类",
    "A shell script is delivered that fetches programs, makes them executable and runs them": (
        "下发了下载程序、赋予执行权限并运行的 shell 脚本"
    ),
    "A shell separator and a system command are spliced into a parameter": "参数中拼接了 shell 分隔符和系统命令",
    "A web server answers with the encrypted tasking or stage of a command-and-control framework": (
        "网站服务器返回了命令与控制框架的加密任务或载荷"
    ),
    "A web server answers with the output of a system command or a password file": (
        "网站服务器返回了系统命令的输出或口令文件"
    ),
    "A whole query is nested in, or stacked after, a parameter": "参数中嵌套或在其后堆叠了完整的查询",
    "An ICMP echo carries a packet or a message of another protocol": "ICMP 回显中携带了其他协议的数据包或消息",
    "An IRC channel gives orders to bots": "IRC 频道向僵尸程序下达指令",
    "An OGNL, SpEL or EL expression that reaches the Java runtime is in the request": (
        "请求中含有可触及 Java 运行时的 OGNL、SpEL 或 EL 表达式"
    ),
    "An SMB message has the shape of the EternalBlue family: a groom, a bad transaction or its backdoor": (
        "SMB 消息具有永恒之蓝系列的特征：内存布局、畸形事务或其后门"
    ),
    "An open administration interface is told to run commands": "开放的管理接口被要求执行命令",
    "The first bytes of the flow are a fixed probe of a service scanner": "流的首批字节是服务扫描器的固定探测",
    "The flow carries Meterpreter commands": "流中携带 Meterpreter 命令",
    "The flow speaks Stratum, the protocol of crypto-currency mining pools": "流使用矿池协议 Stratum",
    "The flow speaks the protocol of a known remote access trojan": "流使用已知远控木马的协议",
    "The payload carries a JNDI lookup that makes a vulnerable Log4j load code from a remote server": (
        "载荷携带 JNDI 查询，会使存在漏洞的 Log4j 从远程服务器加载代码"
    ),
    "The payload carries a ransom note or a database wiped for ransom": "载荷携带勒索信，或数据库因勒索被清空",
    "The payload hides a Log4j lookup behind nested lookups, which ordinary text never does": (
        "载荷用嵌套查询隐藏 Log4j 查询，普通文本绝不会如此"
    ),
    "The payload holds machine code of an exploit: a long sled or a shell-spawning stub": (
        "载荷含有利用程序的机器码：长滑板指令或启动 shell 的代码"
    ),
    "The payload opens a shell that connects back to the sender": "载荷会打开回连发送者的 shell",
    "The request asks for a file that would give away credentials or source code": "请求索取会泄露凭据或源代码的文件",
    "The request carries a script URL": "请求携带脚本 URL",
    "The request carries a script element": "请求携带 script 元素",
    "The request carries a serialised Java object": "请求携带序列化的 Java 对象",
    "The request carries a serialised PHP, .NET, Python, Ruby or Node object": (
        "请求携带序列化的 PHP、.NET、Python、Ruby 或 Node 对象"
    ),
    "The request carries an HTML element that loads or embeds foreign content": (
        "请求携带加载或嵌入外部内容的 HTML 元素"
    ),
    "The request carries an event handler attribute with script in it": "请求携带含脚本的事件处理属性",
    "The request carries server-side script that runs commands sent to it": "请求携带会执行所收命令的服务端脚本",
    "The request climbs out of its folder with repeated parent-directory steps": "请求以连续的上级目录跳出其所在目录",
    "The request drives a web shell: code or a command in its own parameter": (
        "请求操作网页后门：在其参数中携带代码或命令"
    ),
    "The request fetches or announces the program of a known botnet": "请求下载或通告已知僵尸网络的程序",
    "The request has the stock profile of a command-and-control framework": "请求具有命令与控制框架的默认特征",
    "The request is one of the fixed probes of a scanner": "请求是扫描器的固定探测之一",
    "The request makes the server fetch a program and run it": "请求使服务器下载程序并运行",
    "The request names a call-back domain that vulnerability testers use": "请求提到漏洞测试者使用的回连域名",
    "The request names a system file that a web application never serves": "请求提到网站应用绝不会提供的系统文件",
    "The request names a vulnerability scanner as its user agent": "请求以漏洞扫描器作为其 User-Agent",
    "The request passes a stream wrapper or a remote script where a file name belongs": (
        "请求在应为文件名之处传入了流包装器或远程脚本"
    ),
    "The request reaches a command injection hole of a router, camera or recorder": (
        "请求触及路由器、摄像头或录像机的命令注入漏洞"
    ),
    "The request reaches a known code execution hole of a Java server": "请求触及 Java 服务器的已知代码执行漏洞",
    "The request reaches a known code execution hole of a PHP application": "请求触及 PHP 应用的已知代码执行漏洞",
    "The request reaches a known hole of a VPN gateway, mail server or load balancer": (
        "请求触及 VPN 网关、邮件服务器或负载均衡器的已知漏洞"
    ),
    "The request's XML declares an external entity": "请求中的 XML 声明了外部实体",
    "The server answers a TLS heartbeat with a record far larger than any keep-alive": (
        "服务器以远大于保活报文的记录应答 TLS 心跳"
    ),
    "The server answers with the page of a known web shell": "服务器返回了已知网页后门的页面",
}
"""What other parts of the program write down, to be found again in what is stored."""

PLAYBOOKS: Final[dict[str, str]] = {
    # Actions
    "After a success: end the session, lock the account, treat the host as taken.": (
        "登录成功后：结束会话，锁定账户，并按主机已失陷处理。"
    ),
    "Allow DNS to the own resolvers only.": "只允许向自有解析器发送 DNS。",
    "Allow administration from a jump host only.": "只允许从跳板机进行管理。",
    "Allow keys only, and limit who reaches the service.": "只允许密钥登录，并限制可访问该服务的来源。",
    "Ask the provider to filter upstream when the link is full.": "链路被占满时，请运营商在上游过滤。",
    "Bind the service to loopback or the management network.": "将服务绑定到回环地址或管理网络。",
    "Block sources that completed a handshake; spoofed sources gain nothing from a block.": (
        "封禁完成过握手的来源；对伪造来源的封禁没有意义。"
    ),
    "Block the address only when it goes on to attack.": "仅当该地址继续攻击时才封禁。",
    "Block the address that steers it as a proposal of its own.": "将操控它的地址另作一项提案封禁。",
    "Block the address when it goes on to attack, or to lessen noise.": "当该地址继续攻击时封禁，或为减少噪声而封禁。",
    "Block the attacker's address, and the download address as a proposal of its own.": (
        "封禁攻击者地址，并将下载地址另作一项提案。"
    ),
    "Block the attacker's address.": "封禁攻击者地址。",
    "Block the client's address.": "封禁客户端地址。",
    "Block the download's address.": "封禁下载来源地址。",
    "Block the pool's address.": "封禁矿池地址。",
    "Block the remote address while the host is examined.": "在检查主机期间封禁远端地址。",
    "Block the remote address.": "封禁远端地址。",
    "Call whoever leads incidents; do not pay or answer on your own.": "联系事件负责人；不要自行付款或答复。",
    "Change all secrets of this host.": "更换此主机的所有密钥与口令。",
    "Change every secret in files that left.": "更换已外泄文件中的所有密钥与口令。",
    "Change every secret that the process's user could read.": "更换该进程用户可读取的所有密钥与口令。",
    "Change keys and passwords found on the host.": "更换在主机上发现的密钥和口令。",
    "Change secrets in files that were read.": "更换已被读取文件中的密钥与口令。",
    "Change secrets that were in it; tell whoever must be told.": "更换其中包含的密钥与口令；通知应被告知的人。",
    "Change the account's password or key everywhere.": "在所有地方更换该账户的口令或密钥。",
    "Change the instance role's credentials when metadata was read.": "若元数据已被读取，更换实例角色的凭据。",
    "Change the password and end open sessions.": "更换口令并结束已打开的会话。",
    "Change the secrets that the application holds.": "更换该应用所持有的密钥与口令。",
    "Check persistence of the service's user.": "检查该服务用户的持久化项。",
    "Check the web server's user for new cron jobs and keys.": "检查网站服务器用户有无新增的计划任务和密钥。",
    "Close ports that nobody needs.": "关闭无人需要的端口。",
    "Close the way in, often an open Docker, Redis or SSH service.": (
        "封堵入侵途径，常见的是开放的 Docker、Redis 或 SSH 服务。"
    ),
    "Delete stored scripts and end the sessions of users who saw them.": (
        "删除已存储的脚本，并结束看到过它的用户的会话。"
    ),
    "Demand IMDSv2, and allow fetches to listed hosts only.": "强制使用 IMDSv2，并只允许访问列出的主机。",
    "Escape output at the place found.": "在所发现之处对输出进行转义。",
    "Examine the process that asked.": "检查发起查询的进程。",
    "Find and close the way it was uploaded.": "找到并封堵其上传途径。",
    "Find the way in before the host goes back to work.": "在主机恢复使用之前找到入侵途径。",
    "Forbid outgoing LDAP and RMI from application servers.": "禁止应用服务器向外的 LDAP 和 RMI。",
    "Isolate the host from the network at once; do not switch it off, keys may be in memory.": (
        "立即将主机从网络隔离；不要关机，密钥可能仍在内存中。"
    ),
    "Isolate the host where it started; propose a block of an inner address only after asking who uses it.": (
        "隔离事件起始的主机；对内网地址的封禁，须先询问其使用者再提出。"
    ),
    "Isolate the host; with root lost, rebuild it.": "隔离主机；若 root 已失守，则重建。",
    "Keep dropped files as evidence, then remove them.": "将释放的文件留作证据，然后删除。",
    "Keep memory and executable, then end the process.": "保留内存与可执行文件，然后结束进程。",
    "Keep the archive and logs to learn what left.": "保留归档和日志，以了解外泄内容。",
    "Keep the binary, remove what starts it, then end the process.": "保留该二进制文件，移除其启动项，然后结束进程。",
    "Keep the file, and make sure it cannot run.": "保留该文件，并确保其无法运行。",
    "Keep the process's memory and its executable before ending it.": "在结束进程之前保留其内存和可执行文件。",
    "Limit outgoing traffic of this server to what it needs.": "将此服务器的外发流量限制为其所需。",
    "Look for the same contacts from other hosts.": "查找其他主机是否有相同的连接。",
    "Move the file out of the web root and keep a copy as evidence.": "将文件移出网站根目录，并保留一份作为证据。",
    "Patch or close the service.": "修补或关闭该服务。",
    "Patch or switch off the attacked component.": "修补或停用受攻击的组件。",
    "Patch what was used on every host alike.": "对所有主机同样修补被利用之处。",
    "Propose a block when the login came from a stranger.": "当登录来自陌生人时提出封禁。",
    "Rebuild the server from a clean image when code ran as root.": "若代码曾以 root 运行，用干净镜像重建服务器。",
    "Refuse the parent domain at the resolver; blocking the resolver's address would cut this server's DNS.": (
        "在解析器上拒绝该父域名；封禁解析器地址会切断此服务器的 DNS。"
    ),
    "Repair the page; let the service read only what it needs.": "修复该页面；让服务只能读取其所需。",
    "Save backups from being reached.": "保护备份不被触及。",
    "Set Content-Security-Policy.": "设置 Content-Security-Policy。",
    "Stop the service until the page is repaired.": "在页面修复之前停止该服务。",
    "Switch off external entities and DTDs in the parser.": "在解析器中关闭外部实体和 DTD。",
    "Switch on SYN cookies and rate limits.": "启用 SYN cookie 和速率限制。",
    "Take rights away from the application's database account.": "收回应用数据库账户的权限。",
    "Update the library, or allow only listed classes.": "更新该库，或只允许列出的类。",
    "Use bound parameters in the query at fault.": "在有问题的查询中使用绑定参数。",
    "When it ran, treat the host as taken.": "若已运行，按主机已失陷处理。",
    "When it worked, treat the host as taken: isolate, keep evidence, rebuild.": (
        "若攻击成功，按主机已失陷处理：隔离、保留证据、重建。"
    ),
    "When rows left, find out which, and tell whoever must be told.": (
        "若有数据行外泄，查明是哪些，并通知应被告知的人。"
    ),
    "When this server scans others, examine the process first.": "若此服务器在扫描他人，先检查该进程。",
    # Steps
    "look for cron jobs, units, keys and preloads that were changed around the event.": (
        "查找在事件前后被改动的计划任务、systemd 单元、密钥和预加载项。"
    ),
    "read the other direction too: the answer shows whether it worked.": "也查看另一方向：应答表明其是否成功。",
    "see what persons made of earlier incidents with this address.": "查看人们如何判定与此地址有关的早先事件。",
    "see which names this address bears, and which it was asked for.": (
        "查看此地址带有哪些名称，以及曾以哪些名称被查询。"
    ),
    "see which program it is, who started it, under which unit, and what it has started.": (
        "查看是哪个程序、由谁启动、在哪个单元之下，以及它启动了什么。"
    ),
    "see which service the port belongs to.": "查看该端口属于哪个服务。",
    "see who logged in from this address, before it, with a key or a password, and after how many failures.": (
        "查看此前有谁从此地址登录，用密钥还是口令，以及失败了多少次之后。"
    ),
    "see whose the program file is, how old, and of which package.": "查看程序文件属于谁、存在多久以及属于哪个软件包。",
    "Ask the account's owner whether the login was theirs.": "询问账户所有者该登录是否为本人所为。",
    "Ask the cloud provider's log for use of the instance's role from outside.": (
        "在云服务商日志中查询该实例角色是否被外部使用。"
    ),
    "Ask the data's owner whether a transfer was planned.": "询问数据所有者传输是否在计划之内。",
    "Ask the operators whether this was maintenance or automation.": "询问运维人员这是否为维护或自动化操作。",
    "Ask the provider whether the link itself is full.": "询问运营商链路本身是否已满。",
    "Check CPU load, crontabs, units and authorized_keys for what starts it again.": (
        "检查 CPU 负载、计划任务、systemd 单元和 authorized_keys 中会使其再次启动的项。"
    ),
    "Check Content-Security-Policy and the HttpOnly flag of the session cookie.": (
        "检查 Content-Security-Policy 和会话 cookie 的 HttpOnly 标志。"
    ),
    "Check a few data folders for files just renamed and for a note.": "检查若干数据目录中有无刚被改名的文件和勒索信。",
    "Check connection tables and load (`ss -s`, `conntrack -S`).": "检查连接表和负载（`ss -s`、`conntrack -S`）。",
    "Check persistence: units, timers, cron, keys, shell profiles.": (
        "检查持久化：systemd 单元、定时器、计划任务、密钥、shell 配置文件。"
    ),
    "Check start-up places: systemd units and timers, crontabs, authorized_keys, /etc/ld.so.preload, rc.local.": (
        "检查启动位置：systemd 单元与定时器、计划任务、authorized_keys、/etc/ld.so.preload、rc.local。"
    ),
    "Check that backups exist, are whole and cannot be reached from this host.": (
        "检查备份是否存在、完整且无法从此主机触及。"
    ),
    "Check the XML parser's settings for external entities and entity expansion.": (
        "检查 XML 解析器对外部实体和实体展开的设置。"
    ),
    "Check the service's other accounts for default passwords.": "检查该服务的其他账户有无默认口令。",
    "Check which tables the application's database account may read.": "检查应用的数据库账户可读取哪些表。",
    "Compare kernel, sudo and polkit versions with advisories.": "将内核、sudo 和 polkit 的版本与安全公告比对。",
    "Compare the open ports with the list of services meant to be public.": "将开放的端口与应当公开的服务清单比对。",
    "Compare the service's version with the vendor's advisory.": "将服务版本与厂商的安全公告比对。",
    "Compare the version of the attacked component with the vendor's advisory.": (
        "将受攻击组件的版本与厂商的安全公告比对。"
    ),
    "Find out whether it was executed (process accounting, audit log).": "查明其是否被执行过（进程记账、审计日志）。",
    "Hash the executable and compare it with the package database (`dpkg -V`, `rpm -V`) and "
    "with threat intelligence.": ("计算可执行文件的哈希，与软件包数据库（`dpkg -V`、`rpm -V`）和威胁情报比对。"),
    "Hash the file and compare it with threat intelligence.": "计算文件哈希并与威胁情报比对。",
    "List accounts that may log in with a password.": "列出可用口令登录的账户。",
    "List setuid files, sudoers and capabilities that changed.": "列出有变化的 setuid 文件、sudoers 和 capabilities。",
    "List the versions of the libraries named in the gadget chain.": "列出利用链中所涉库的版本。",
    "List which secrets lie in the files that were read.": "列出已被读取的文件中有哪些密钥与口令。",
    "Look for archives recently made in /tmp, /var/tmp and home folders.": (
        "在 /tmp、/var/tmp 和主目录中查找最近生成的归档文件。"
    ),
    "Look for new files of the service's user in /tmp, /var/tmp and /dev/shm.": (
        "在 /tmp、/var/tmp 和 /dev/shm 中查找该服务用户的新文件。"
    ),
    "Look for rival miners ended and for /etc/ld.so.preload.": "查找被结束的竞争矿工进程和 /etc/ld.so.preload。",
    "Look in the application for stored content that holds the same script.": "在应用中查找含有相同脚本的已存储内容。",
    "Look up the address and name in threat intelligence and passive DNS.": "在威胁情报和被动 DNS 中查询该地址和名称。",
    "Look up who registered the parent domain, and when.": "查询父域名由谁在何时注册。",
    "Read login logs on both ends for the account and key used.": "读取两端的登录日志，查明所用的账户和密钥。",
    "Read the application's error log at the time of the request.": "读取请求发生时应用的错误日志。",
    "Read the database's slow query and error logs for the same minute.": (
        "读取同一分钟内数据库的慢查询日志和错误日志。"
    ),
    "Read the journal for crashes of the service at that time.": "读取日志，查看该服务当时有无崩溃。",
    "Read the login log (`journalctl -u ssh`, `lastb`, `last`) for a success from this address.": (
        "读取登录日志（`journalctl -u ssh`、`lastb`、`last`），查看此地址有无登录成功。"
    ),
    "Read the resolver's query log to find the client behind it.": "读取解析器的查询日志，找到其背后的客户端。",
    "Read the web server's access log for every client of the same path.": (
        "读取网站服务器访问日志，查找访问同一路径的所有客户端。"
    ),
    "Search the web root for files that changed in the last days and for eval, system and Runtime.exec.": (
        "在网站根目录中搜索近日有变化的文件，以及 eval、system 和 Runtime.exec。"
    ),
    "check its sockets and whether it still answers.": "检查其套接字以及是否仍有应答。",
    "check its user, memory and children.": "检查其用户、内存和子进程。",
    "check whether it runs as root and whether it has unusual children.": "检查其是否以 root 运行以及有无异常子进程。",
    "check whether it was one probe or a series over many parameters.": (
        "检查这是单次探测，还是针对多个参数的一系列探测。"
    ),
    "check whether that service runs here, whether it restarted just now, and what children it has.": (
        "检查该服务是否在此运行、是否刚刚重启、有哪些子进程。"
    ),
    "check whether the attacked component runs here, and whether the process has a shell or a downloader as a child.": (
        "检查受攻击的组件是否在此运行，以及该进程有无 shell 或下载程序作为子进程。"
    ),
    "compare its user with its parent's; root below a service user is the sign to look for.": (
        "将其用户与父进程的用户比对；服务用户之下出现 root 是要寻找的迹象。"
    ),
    "count attempts, their rate and the services tried by this address.": "统计此地址的尝试次数、频率和所尝试的服务。",
    "count ports and hosts tried, and list those that answered.": "统计所尝试的端口和主机，并列出有应答的。",
    "count queries per minute and the share that goes to one parent domain.": (
        "统计每分钟的查询数以及指向同一父域名的比例。"
    ),
    "count the requests from this address and their sizes; sqlmap sends hundreds with small changes.": (
        "统计来自此地址的请求及其大小；sqlmap 会发送数百个略有变化的请求。"
    ),
    "find the application process, usually java, php-fpm or python.": "找到应用进程，通常是 java、php-fpm 或 python。",
    "find the first alert of the story.": "找到整个经过的第一条告警。",
    "find the process behind the connection of the alert.": "找到该告警的连接背后的进程。",
    "find the process behind the connection.": "找到该连接背后的进程。",
    "find the process on this server at the end of the connection.": "找到此服务器上位于连接一端的进程。",
    "find the process on this server that holds the connection to the accused address.": (
        "找到此服务器上与被指控地址保持连接的进程。"
    ),
    "find the process that asks; behind a local resolver that is the resolver.": (
        "找到发起查询的进程；若经由本地解析器，则为该解析器。"
    ),
    "find the process that calls out.": "找到向外连接的进程。",
    "find the process that downloaded it.": "找到下载它的进程。",
    "find the process that parsed the XML.": "找到解析该 XML 的进程。",
    "find the process that received it.": "找到接收它的进程。",
    "find the process that received the request.": "找到接收该请求的进程。",
    "find the process that sends.": "找到发送数据的进程。",
    "find the process that talks to the pool.": "找到与矿池通信的进程。",
    "find the service that accepted it.": "找到接受它的服务。",
    "find the service that is attacked.": "找到受攻击的服务。",
    "find the service under attack.": "找到遭受攻击的服务。",
    "find the web process that answered.": "找到作出应答的网站进程。",
    "find the web server process that answered.": "找到作出应答的网站服务器进程。",
    "list all requests from this address; the upload usually comes minutes before the first use.": (
        "列出来自此地址的所有请求；上传通常发生在首次使用前几分钟。"
    ),
    "list further requests of the address; reading a log or session file often prepares code execution.": (
        "列出该地址的其他请求；读取日志或会话文件往往是为执行代码作准备。"
    ),
    "list inner hosts and services that the accused address contacted, in order.": (
        "按顺序列出被指控地址连接过的内部主机和服务。"
    ),
    "list other flows with the same address; look for an earlier download and for repeated contacts.": (
        "列出与同一地址的其他流；查找更早的下载和反复的连接。"
    ),
    "list other pools or proxies contacted, and the download before it.": (
        "列出连接过的其他矿池或代理，以及此前的下载。"
    ),
    "look at the names asked for: length, randomness, record types TXT, NULL, CNAME.": (
        "查看所查询的名称：长度、随机性、记录类型 TXT、NULL、CNAME。"
    ),
    "look for LDAP, RMI or HTTP fetches from this server right after the request.": (
        "查找请求之后此服务器立即发起的 LDAP、RMI 或 HTTP 获取。"
    ),
    "look for a common pattern of the flood: same request, fixed length, reflected DNS or NTP answers.": (
        "查找洪水流量的共同特征：相同请求、固定长度、反射的 DNS 或 NTP 应答。"
    ),
    "look for a download or C2 alert after it.": "查找其后的下载或 C2 告警。",
    "look for a download or exploit before the first query.": "查找首次查询之前的下载或漏洞利用。",
    "look for a fetch by this server of an external DTD.": "查找此服务器获取外部 DTD 的行为。",
    "look for a flow from this server to that address in the same second.": "查找同一秒内此服务器到该地址的流。",
    "look for a key exchange, a note or a portal's address.": "查找密钥交换、勒索信或门户地址。",
    "look for a scan before and a download or C2 after.": "查找之前的扫描以及之后的下载或 C2。",
    "look for a web shell or command alert afterwards.": "查找其后的网页后门或命令告警。",
    "look for an exploit or a scan from the same address.": "查找来自同一地址的漏洞利用或扫描。",
    "look for children it does not have on other days and for a listening or outgoing socket that is new.": (
        "查找其平日没有的子进程，以及新出现的监听或外连套接字。"
    ),
    "look for connections from this server to outside right after it.": "查找其后此服务器立即向外发起的连接。",
    "look for connections from this server to the addresses in the command.": "查找此服务器到命令中所列地址的连接。",
    "look for contacts to new addresses after the download.": "查找下载之后与新地址的连接。",
    "look for copied tools, exploit code or remote commands.": "查找被复制的工具、利用代码或远程命令。",
    "look for exploit code, sudo -l, find -perm -4000 or the output of id.": (
        "查找利用代码、sudo -l、find -perm -4000 或 id 的输出。"
    ),
    "look for exploits or logins by the same address afterwards.": "查找同一地址之后的漏洞利用或登录。",
    "look for flows that this server opened to outside in the minute after the request.": (
        "查找请求之后一分钟内此服务器向外打开的流。"
    ),
    "look for guessing before this login.": "查找此次登录之前的口令猜测。",
    "look for large uploads in the days before, and for SMB or SSH to other hosts now.": (
        "查找此前数日的大量上传，以及当前到其他主机的 SMB 或 SSH。"
    ),
    "look for mining.subscribe, mining.authorize, a login with a wallet, or a job.": (
        "查找 mining.subscribe、mining.authorize、带钱包的登录或任务。"
    ),
    "look for other addresses that attack the same service, and for a scan before it.": (
        "查找攻击同一服务的其他地址，以及此前的扫描。"
    ),
    "look for other attacks from the same address.": "查找同一地址的其他攻击。",
    "look for other attacks under cover of the flood.": "查找以洪水流量为掩护的其他攻击。",
    "look for other inner targets tried by the address.": "查找该地址尝试过的其他内部目标。",
    "look for serialised objects (rO0AB, ac ed 00 05, @type, O:8:, pickle opcodes) and for "
    "class names of known gadget chains.": (
        "查找序列化对象（rO0AB、ac ed 00 05、@type、O:8:、pickle 操作码）和已知利用链的类名。"
    ),
    "look for sh, bash, curl, wget, nc or a file in /tmp among its children.": (
        "在其子进程中查找 sh、bash、curl、wget、nc 或 /tmp 中的文件。"
    ),
    "look for shells, interpreters, curl or wget among its children and for an unusual working folder.": (
        "在其子进程中查找 shell、解释器、curl 或 wget，以及异常的工作目录。"
    ),
    "look for the download of an exploit before it.": "查找此前对利用程序的下载。",
    "look for the exploit before and the C2 after.": "查找之前的漏洞利用和之后的 C2。",
    "look for the exploit or download that came before the first contact.": "查找首次连接之前的漏洞利用或下载。",
    "look for the exploit or password guessing that let it in.": "查找使其得以进入的漏洞利用或口令猜测。",
    "look for the first compromised host and for guessing between inner hosts.": (
        "查找最先失陷的主机，以及内部主机之间的口令猜测。"
    ),
    "look for the foothold that came first.": "查找最初的立足点。",
    "look for the intrusion that came before.": "查找此前的入侵。",
    "look up DNS as a channel.": "查询以 DNS 作为信道的知识。",
    "look up compute hijacking.": "查询算力劫持的知识。",
    "look up credentials in files.": "查询文件中凭据的知识。",
    "look up data theft from databases.": "查询数据库数据窃取的知识。",
    "look up default accounts.": "查询默认账户的知识。",
    "look up encryption for impact.": "查询以加密造成影响的知识。",
    "look up exfiltration by this protocol.": "查询经此协议外泄数据的知识。",
    "look up exploitation of public applications.": "查询面向公众的应用被利用的知识。",
    "look up floods and amplification.": "查询洪水攻击与放大攻击的知识。",
    "look up password guessing, spraying and stuffing.": "查询口令猜测、喷洒和撞库的知识。",
    "look up scanning and service discovery.": "查询扫描与服务发现的知识。",
    "look up the behaviour seen, with its technique id.": "以技术编号查询所见行为的知识。",
    "look up the cloud metadata service.": "查询云元数据服务的知识。",
    "look up the escalation technique.": "查询提权技术的知识。",
    "look up the protocol seen.": "查询所见协议的知识。",
    "look up the remote service used.": "查询所用远程服务的知识。",
    "look up the shell technique.": "查询 shell 技术的知识。",
    "look up the technique.": "查询该技术的知识。",
    "look up theft of session cookies.": "查询会话 cookie 窃取的知识。",
    "look up tool transfer.": "查询工具传输的知识。",
    "look up web shells and how they are found.": "查询网页后门及其发现方法的知识。",
    "measure bytes out against bytes in and against other days, by address.": (
        "按地址比较流出与流入的字节数，并与平日比较。"
    ),
    "measure packets, bytes and sources; check whether handshakes complete.": (
        "统计数据包、字节和来源；检查握手是否完成。"
    ),
    "measure the period and size of contacts, and when they began.": "测量连接的周期和大小，以及开始时间。",
    "note command line and user: rclone, scp, curl -T, nc or a script from a temporary folder.": (
        "记录命令行和用户：rclone、scp、curl -T、nc 或临时目录中的脚本。"
    ),
    "note executable, command line, user and start; miners hide in /tmp, /dev/shm and behind "
    "names of kernel threads.": (
        "记录可执行文件、命令行、用户和启动时间；矿工程序藏于 /tmp、/dev/shm，或冒用内核线程的名称。"
    ),
    "note executable, parents, user, start time and unit; look for deleted or temporary files and odd names.": (
        "记录可执行文件、父进程、用户、启动时间和 systemd 单元；查找已删除或临时的文件以及怪异的名称。"
    ),
    "note executable, user, children and open sockets; look for stops of databases and backups.": (
        "记录可执行文件、用户、子进程和打开的套接字；查找数据库和备份被停止的迹象。"
    ),
    "note its executable, user, parents and start time; a deleted file, /tmp or /dev/shm, or a "
    "parent that is a web server counts.": (
        "记录其可执行文件、用户、父进程和启动时间；文件已删除、位于 /tmp 或 /dev/shm，"
        "或父进程为网站服务器，均值得注意。"
    ),
    "note its unit and user, and whether a session was opened after the attempts.": (
        "记录其 systemd 单元和用户，以及尝试之后是否打开了会话。"
    ),
    "note its unit, user and the addresses it listens on.": "记录其 systemd 单元、用户和监听的地址。",
    "note the address that the request wants this server to fetch, above all 169.254.169.254, "
    "loopback and inner names.": ("记录请求想让此服务器获取的地址，尤其是 169.254.169.254、回环地址和内部名称。"),
    "note the file asked for and whether the answer holds it, such as root:x:0:0 or a private key.": (
        "记录所索取的文件，以及应答是否含有其内容，如 root:x:0:0 或私钥。"
    ),
    "note the service attacked, the exploit's marks and the service's answer.": (
        "记录受攻击的服务、利用特征以及服务的应答。"
    ),
    "note user, parents and children; a shell below a service is the sign to look for.": (
        "记录用户、父进程和子进程；服务之下出现 shell 是要寻找的迹象。"
    ),
    "read request and answer; note the component attacked, the status code and anything that shows success.": (
        "查看请求和应答；记录受攻击的组件、状态码以及任何表明成功的内容。"
    ),
    "read the DOCTYPE; note the file or address of the entity and whether its content came back.": (
        "查看 DOCTYPE；记录实体所指的文件或地址，以及其内容是否返回。"
    ),
    "read the banners and messages of the last flow; note the client software.": (
        "查看最后一个流的横幅和消息；记录客户端软件。"
    ),
    "read the file's first bytes and headers: ELF, script, archive, and a type that disagrees with its name.": (
        "查看文件的首批字节和文件头：ELF、脚本、归档，以及与名称不符的类型。"
    ),
    "read the first bytes both ways; look for a shell prompt, command output, an ELF header or "
    "a known implant's greeting.": ("查看双向的首批字节；查找 shell 提示符、命令输出、ELF 头或已知植入程序的问候。"),
    "read the injected command and the answer; note separators, downloads and addresses that it names.": (
        "查看注入的命令和应答；记录分隔符、下载以及其中提到的地址。"
    ),
    "read the parameter and the answer; look for database errors, rows that were not asked for, or a long delay.": (
        "查看参数和应答；查找数据库错误、未请求的数据行或长时间延迟。"
    ),
    "read the request and the answer; note path, parameters, and whether command output such "
    "as a uid line comes back.": ("查看请求和应答；记录路径、参数，以及是否返回 uid 行之类的命令输出。"),
    "read what is exchanged, or the TLS name and certificate where it is encrypted.": (
        "查看所交换的内容，若已加密则查看 TLS 名称和证书。"
    ),
    "read what was sent to open ports; a scanner often names itself.": "查看发往开放端口的内容；扫描器常会自报名称。",
    "see what came before, above all an exploit or a login from outside.": (
        "查看之前发生了什么，尤其是来自外部的漏洞利用或登录。"
    ),
    "see what else this address did.": "查看此地址的其他行为。",
    "see what leaves where it is in clear text: archive headers, table dumps, keys.": (
        "若为明文，查看外发的内容：归档头、表转储、密钥。"
    ),
    "see what the client did after the login.": "查看客户端登录之后的行为。",
    "see where the script stands in the request and whether the answer repeats it unescaped.": (
        "查看脚本位于请求何处，以及应答是否未经转义地重复了它。"
    ),
    "see whether it is a resolver, a mail or security program, or something unknown.": (
        "查看它是解析器、邮件或安全程序，还是未知程序。"
    ),
    "see whether that process also opened the inner connection.": "查看该进程是否也打开了内部连接。",
    "see whether the login was accepted; do not copy the password into any report.": (
        "查看登录是否被接受；不要将口令抄入任何报告。"
    ),
    "see whether the same address tried other exploits, which points to a scanner.": (
        "查看同一地址是否尝试过其他漏洞利用，这表明是扫描器。"
    ),
    "see which application it is and whether it or the database has started a shell.": (
        "查看是哪个应用，以及它或数据库是否启动了 shell。"
    ),
    "see who started it; curl below a web server or cron is not a person.": (
        "查看由谁启动；网站服务器或计划任务之下的 curl 并非人为。"
    ),
    "where this server is the scanner, check whose process it is and who started it.": (
        "若此服务器是扫描者，检查该进程属于谁、由谁启动。"
    ),
    "where this server is the scanner, find the process that scans.": "若此服务器是扫描者，找到进行扫描的进程。",
}
"""The steps and actions of the shipped playbooks; a user's own stay as they are written."""
