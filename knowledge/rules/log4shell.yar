// Log4Shell (CVE-2021-44228): lookups in any text a Java server may log, and what comes back from the attacker's server.

rule log4shell_jndi {
  meta:
    id = "log4shell.jndi"
    description = "The payload carries a JNDI lookup that makes a vulnerable Log4j load code from a remote server"
    severity = "critical" score = 0.98 attack = "T1190, T1059" event_class = "vulnerability_exploit"
    direction = "any" attacker = "initiator"
  strings:
    $plain = /\$\{\s{0,4}jndi\s{0,4}:/ nocase
    $encoded = /(\$|%24|%2524|\\u0024|&#36;|\\x24)(\{|%7b|%257b|\\u007b|&#123;|\\x7b)(j|%6a|%4a)(n|%6e|%4e)(d|%64|%44)(i|%69|%49)(:|%3a|%253a|\\u003a|&#58;|\\x3a)/ nocase
    $headless = /\bjndi:(ldaps?|rmi|dns|iiop|nis|corba|http):/ nocase
  condition:
    any of them
}

rule log4shell_obfuscated {
  meta:
    id = "log4shell.obfuscated"
    description = "The payload hides a Log4j lookup behind nested lookups, which ordinary text never does"
    severity = "critical" score = 0.9 attack = "T1190, T1027" event_class = "vulnerability_exploit"
    direction = "to_server" attacker = "initiator"
  strings:
    $nested = /\$\{[^\s}]{0,60}\$\{(lower|upper|env|sys|java|::|date|main|k8s|ctx|web|docker|bundle|map|sd|marker):[^\s}]{0,40}\}/ nocase
    $pieces = /\$\{(lower|upper):[a-z:\/.]{1,6}\}/ nocase
    $default = /\$\{[^\s{}]{0,40}:-[jndilapsrmi:\/]{1,3}\}/ nocase
  condition:
    any of them
}

rule log4shell_ldap_reply {
  meta:
    id = "log4shell.reply"
    description = "A directory server answers with a Java object or a code base to load"
    severity = "critical" score = 0.95 attack = "T1190, T1105" event_class = "vulnerability_exploit"
    direction = "to_client" attacker = "responder"
  strings:
    $class = "javaClassName"
    $base = "javaCodeBase" nocase
    $factory = "javaFactory" nocase
    $object = "javaSerializedData" nocase
    $reference = "javaReferenceAddress" nocase
  condition:
    $class and any of ($base, $factory, $object, $reference)
}

rule log4shell_rmi {
  meta:
    id = "java.rmi_object"
    description = "A Java RMI exchange carries a remote reference that loads a class from elsewhere"
    severity = "high" score = 0.85 attack = "T1203, T1105" event_class = "deserialisation"
    direction = "to_client" attacker = "responder"
  strings:
    $stream = { AC ED 00 05 }
    $naming = /javax\.naming\.(Reference|spi\.ObjectFactory)|ReferenceWrapper_Stub|com\.sun\.jndi\.rmi/
    $bean = "org.apache.naming.ResourceRef"
  condition:
    $stream and any of ($naming, $bean)
}

rule java_class_download {
  meta:
    id = "java.class_download"
    description = "A compiled Java class is served over plain HTTP and its code starts a process or opens a socket"
    severity = "high" score = 0.85 attack = "T1105, T1203" event_class = "vulnerability_exploit"
    direction = "to_client" attacker = "responder"
  strings:
    $header = { 0D 0A 0D 0A CA FE BA BE 00 00 00 }
    $body = { CA FE BA BE 00 00 00 (2D|2E|2F|3?|4?) 00 }
    $runtime = "java/lang/Runtime"
    $builder = "java/lang/ProcessBuilder"
    $socket = "java/net/Socket"
    $factory = "javax/naming/spi/ObjectFactory"
  condition:
    ($header or $body at 0) and any of ($runtime, $builder, $socket, $factory)
}

rule java_serialised_stream {
  meta:
    id = "java.gadget"
    description = "A serialised Java object holds the classes of a known gadget chain"
    severity = "critical" score = 0.95 attack = "T1190, T1203" event_class = "deserialisation"
    direction = "any" attacker = "initiator"
  strings:
    $stream = { AC ED 00 05 (73|75|76|77|78|7A|7D) }
    $chain = /org\.apache\.commons\.(collections4?\.(functors|keyvalue|map|bag|comparators)|beanutils\.BeanComparator|fileupload)|org\.apache\.xalan\.xsltc\.trax|com\.sun\.org\.apache\.xalan|com\.sun\.rowset\.JdbcRowSetImpl|sun\.reflect\.annotation\.AnnotationInvocationHandler|javax\.management\.BadAttributeValueExp|org\.codehaus\.groovy\.runtime|org\.springframework\.(core\.SerializableTypeWrapper|aop)|com\.mchange\.v2|ysoserial|java\.net\.URL.{0,40}hashCode|bsh\.(XThis|Interpreter)|clojure\.|org\.hibernate|org\.jboss\.(weld|interceptor)|org\.mozilla\.javascript|weblogic\.(rjvm|corba)|oracle\.toplink/
  condition:
    $stream and $chain
}
