// Data carried inside DNS and ICMP, which were not made for it.

rule dns_tunnel_tool {
  meta:
    id = "dns.tunnel"
    description = "A DNS question carries encoded data of a tunnelling tool in its labels"
    severity = "high" score = 0.9 attack = "T1071.004, T1572, T1048.003" event_class = "dns_tunnel"
    direction = "to_server" attacker = "initiator"
  strings:
    $dnscat = /\x06dnscat[\x00-\x3f]/
    $iodine_login = /\x00\x00[\x05-\x3f][vzlpry][a-z0-9]{4,12}[^\x00]{0,40}\x00\x00\x0a\x00\x01/
  condition:
    not http and at_start and uint8(2) < 0x80 and uint16be(4) == 1 and uint32be(6) == 0 and uint16be(10) < 3
    and ($dnscat or $iodine_login
      // Two labels of hex digits, two of the greatest length, or Base64 signs that no host name may hold.
      or (uint8(12) > 31 and uint8(12) < 64 and uint8(13 + uint8(12)) > 31 and uint8(13 + uint8(12)) < 64
        and for all i in (13..44) : ((uint8(i) > 0x2f and uint8(i) < 0x3a) or (uint8(i) > 0x60 and uint8(i) < 0x67)))
      or (uint8(12) > 56 and uint8(12) < 64 and uint8(13 + uint8(12)) > 56 and uint8(13 + uint8(12)) < 64)
      or (uint8(2) & 1 == 1 and uint8(12) > 31 and uint8(12) < 64
        and for any i in (13..44) : (uint8(i) == 0x2b or uint8(i) == 0x2f or uint8(i) == 0x3d or uint8(i) == 0x2a)))
}

rule icmp_tunnel {
  meta:
    id = "icmp.tunnel"
    description = "An ICMP echo carries a packet or a message of another protocol"
    severity = "high" score = 0.85 attack = "T1095, T1572" event_class = "exfiltration"
    direction = "any" attacker = "initiator"
  strings:
    $ptunnel = { D5 20 08 80 }
    $ssh = "SSH-2.0-"
    $http = /(GET|POST) \/[^\r\n]{0,200} HTTP\/1\./
    $shell = /(^|\n)(uid=\d{1,6}\(|root:x:0:0:|Microsoft Windows \[Version)/
  condition:
    echo and ($ptunnel at 0 or $ssh or $http or $shell or (uint8(0) == 0x45 and uint16be(2) == filesize and filesize > 20))
}
