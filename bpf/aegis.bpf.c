// SPDX-License-Identifier: Apache-2.0
/*
 * Drops packets from blocked addresses at XDP, and packets to them at tc egress: allow before block, expiry in the
 * kernel, and what cannot be parsed passes.
 */
#include <stdbool.h>
#include <linux/bpf.h>
#include <linux/icmpv6.h>
#include <linux/if_ether.h>
#include <linux/in.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <linux/pkt_cls.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>
#include "aegis.h"

#define IP_OFFSET_MASK 0x1fff
#define MAX_TAGS 2
#define ND_FIRST 133	/* router solicitation, RFC 4861 */
#define ND_LAST 137	/* redirect */

struct vlan_tag {
	__be16 tci;
	__be16 proto;
};

/* How TCP and UDP begin. */
struct ports {
	__be16 source;
	__be16 dest;
};

/* A packet, from its Ethernet header on. */
struct frame {
	void *data;
	void *end;
	struct __sk_buff *skb;	/* NULL at XDP */
	__u64 length;
	__u32 upper;		/* where the header above IP starts */
	__u8 proto;		/* of that header */
	bool first;		/* not a later fragment: that header is there */
};

enum verdict {
	NEXT,			/* a wider prefix may still order a drop */
	PASS,
	DROP,
};

/*
 * The bit of the interface this load of the program is attached to. An interface index would not do:
 * two network namespaces may use the same one.
 */
const volatile __u64 aegis_iface = 0;

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, AEGIS_SLOTS);
	__type(key, __u32);
	__type(value, __u32);
} aegis_state SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct aegis_pulse);
} aegis_pulse SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct aegis_counts);
} aegis_counts SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 2);
	__type(key, __u32);
	__type(value, struct aegis_lengths);
} aegis_lengths SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, AEGIS_MAX_SINGLES);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, __be32);
	__type(value, struct aegis_entry);
} aegis_block4 SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, AEGIS_MAX_SINGLES);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, __be32[4]);
	__type(value, struct aegis_entry);
} aegis_block6 SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, AEGIS_MAX_NETS);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, struct aegis_net4);
	__type(value, struct aegis_entry);
} aegis_net4 SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, AEGIS_MAX_NETS);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, struct aegis_net6);
	__type(value, struct aegis_entry);
} aegis_net6 SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, AEGIS_CELLS);
	__type(key, __u32);
	__type(value, __u64);
} aegis_cells4 SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, AEGIS_CELLS);
	__type(key, __u32);
	__type(value, __u64);
} aegis_cells6 SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_LPM_TRIE);
	__uint(max_entries, AEGIS_MAX_ALLOWED);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, struct aegis_net4);
	__type(value, __u32);
} aegis_allow4 SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_LPM_TRIE);
	__uint(max_entries, AEGIS_MAX_ALLOWED);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, struct aegis_net6);
	__type(value, __u32);
} aegis_allow6 SEC(".maps");

static __always_inline bool halted(void)
{
	__u32 slot = AEGIS_SLOT_HALTED;
	__u32 *value = bpf_map_lookup_elem(&aegis_state, &slot);

	return value && *value;
}

static __always_inline struct aegis_counts *counts(void)
{
	__u32 first = 0;

	return bpf_map_lookup_elem(&aegis_counts, &first);
}

/*
 * CLOCK_BOOTTIME, read again when the kernel's tick has moved the coarse clock: 24 ns become 4 under a
 * flood, and a deadline is met within one tick (at most 10 ms).
 */
static __always_inline __u64 boot_now(void)
{
	__u64 tick = bpf_ktime_get_coarse_ns();
	struct aegis_counts *cache = counts();

	if (!cache)
		return bpf_ktime_get_boot_ns();
	if (tick != cache->tick_ns) {
		cache->boot_ns = bpf_ktime_get_boot_ns();
		cache->tick_ns = tick;
	}
	return cache->boot_ns;
}

/*
 * Returns a header: in place, or copied where an outgoing packet keeps it outside its linear part, or NULL
 * where the packet ends before it does.
 */
static __always_inline void *header(struct frame *frame, __u32 offset, void *copy, __u32 size)
{
	if (frame->data + offset + size <= frame->end)
		return frame->data + offset;
	if (frame->skb && !bpf_skb_load_bytes(frame->skb, offset, copy, size))
		return copy;
	return NULL;
}

static __always_inline bool is_udp_to(struct frame *frame, __u16 one, __u16 other)
{
	struct ports copy, *udp;

	if (frame->proto != IPPROTO_UDP || !frame->first)
		return false;
	udp = header(frame, frame->upper, &copy, sizeof(copy));
	return udp && (udp->dest == bpf_htons(one) || udp->dest == bpf_htons(other));
}

/* A hop limit of 255 proves that no router forwarded the packet (RFC 4861). */
static __always_inline bool is_neighbour_discovery(struct frame *frame, __u8 hop_limit)
{
	struct icmp6hdr copy, *icmp;

	if (frame->proto != IPPROTO_ICMPV6 || hop_limit != 255)
		return false;
	icmp = header(frame, frame->upper, &copy, sizeof(copy));
	return icmp && icmp->icmp6_type >= ND_FIRST && icmp->icmp6_type <= ND_LAST;
}

/* Whether nobody looks after the blocks and the packet belongs to one of this host's SSH ports. */
static __always_inline bool is_spared(struct frame *frame, __u64 now)
{
	struct ports copy, *tcp;
	struct aegis_pulse *pulse;
	__u32 first = 0;
	__u16 port;

	pulse = bpf_map_lookup_elem(&aegis_pulse, &first);
	if (!pulse || now < pulse->beat_ns + AEGIS_HEARTBEAT_NS)
		return false;
	if (frame->proto != IPPROTO_TCP || !frame->first)
		return false;
	tcp = header(frame, frame->upper, &copy, sizeof(copy));
	if (!tcp)
		return false;
	port = bpf_ntohs(frame->skb ? tcp->source : tcp->dest);
	for (int i = 0; i < AEGIS_SSH_PORTS; i++) {
		if (port && port == pulse->ssh_ports[i])
			return true;
	}
	return false;
}

/* Counts a packet against an entry that holds on this interface, and says what the entry orders. */
static __always_inline enum verdict strike(struct aegis_entry *entry, struct frame *frame, __u64 now, __u16 whole_len)
{
	bool only_counts = entry->flags & AEGIS_COUNT_ONLY;

	if (!(entry->ifaces & aegis_iface))
		return NEXT;
	if (entry->deadline_ns && now >= entry->deadline_ns)
		return NEXT;
	if (!only_counts && entry->prefix_len < whole_len && is_spared(frame, now))
		return PASS;
	if (frame->skb) {
		__sync_fetch_and_add(&entry->out_packets, 1);
		__sync_fetch_and_add(&entry->out_bytes, frame->length);
	} else {
		__sync_fetch_and_add(&entry->packets, 1);
		__sync_fetch_and_add(&entry->bytes, frame->length);
	}
	entry->last_hit_ns = now;
	return only_counts ? NEXT : DROP;
}

static __always_inline struct aegis_lengths *lengths(__u32 slot)
{
	return bpf_map_lookup_elem(&aegis_lengths, &slot);
}

static __always_inline __u64 near4(struct aegis_net4 *whole)
{
	__u32 cell = bpf_ntohl(whole->addr) >> 16;
	__u64 *near = bpf_map_lookup_elem(&aegis_cells4, &cell);

	return near ? *near : 0;
}

static __always_inline __u64 near6(struct aegis_net6 *whole)
{
	__u32 first = bpf_ntohl(whole->addr[0]), second = bpf_ntohl(whole->addr[1]);
	__u32 cell = (first >> 16) ^ (first & 0xffff) ^ (second >> 16);
	__u64 *near = bpf_map_lookup_elem(&aegis_cells6, &cell);

	return near ? *near : 0;
}

/* Takes the longest length out of a set of them; the set must hold one. */
static __always_inline __u8 take_longest(struct aegis_lengths *used, __u64 *left)
{
	__u64 bit = *left & -*left;

	*left ^= bit;
	return used->length_at[AEGIS_PLACE(bit)];
}

static __always_inline struct aegis_entry *find_net4(struct aegis_net4 *whole, __u8 len)
{
	struct aegis_net4 net = { .prefix_len = len };

	net.addr = whole->addr & bpf_htonl(~0ULL << (32 - len));
	return bpf_map_lookup_elem(&aegis_net4, &net);
}

static __always_inline struct aegis_entry *find_net6(struct aegis_net6 *whole, __u8 len)
{
	struct aegis_net6 net = { .prefix_len = len };
	__u64 half[2];

	__builtin_memcpy(half, whole->addr, sizeof(half));
	half[0] &= bpf_cpu_to_be64(len < 64 ? ~0ULL << (64 - len) : ~0ULL);
	half[1] &= bpf_cpu_to_be64(len > 64 ? ~0ULL << (128 - len) : 0);
	__builtin_memcpy(net.addr, half, sizeof(half));
	return bpf_map_lookup_elem(&aegis_net6, &net);
}

/*
 * The address itself first, then ever wider prefixes. What always passes, the clock and the heart cost nothing for
 * an address that neither an entry names nor a prefix is near. The search goes on after an entry that has expired,
 * only counts, or is for another interface: it must not shadow a wider block that still holds.
 */
static __always_inline bool drops4(struct frame *frame, __u32 offset)
{
	struct iphdr copy, *ip = header(frame, offset, &copy, sizeof(copy));
	struct aegis_net4 whole = { .prefix_len = 32 };
	struct aegis_lengths *used = lengths(0);
	struct aegis_entry *entry;
	enum verdict verdict;
	__u64 left, now;

	if (!used || !ip || ip->version != 4 || ip->ihl < 5)
		return false;
	whole.addr = frame->skb ? ip->daddr : ip->saddr;
	entry = bpf_map_lookup_elem(&aegis_block4, &whole.addr);
	left = used->shorter ? used->shorter & near4(&whole) : 0;
	if (!entry && !left)
		return false;
	frame->upper = offset + ip->ihl * 4;
	frame->proto = ip->protocol;
	frame->first = !(ip->frag_off & bpf_htons(IP_OFFSET_MASK));
	if (is_udp_to(frame, 67, 68) || bpf_map_lookup_elem(&aegis_allow4, &whole))
		return false;
	now = boot_now();
	for (int i = 0; i <= AEGIS_MAX_LENGTHS; i++) {
		if (entry) {
			verdict = strike(entry, frame, now, 32);
			if (verdict != NEXT)
				return verdict == DROP;
		}
		if (!left)
			return false;
		entry = find_net4(&whole, take_longest(used, &left));
	}
	return false;
}

static __always_inline bool drops6(struct frame *frame, __u32 offset)
{
	struct ipv6hdr copy, *ip = header(frame, offset, &copy, sizeof(copy));
	struct aegis_net6 whole;
	struct aegis_lengths *used = lengths(1);
	struct aegis_entry *entry;
	enum verdict verdict;
	__u64 near, left, now;
	__u8 at_least = 64;

	if (!used || !ip || ip->version != 6)
		return false;
	whole.prefix_len = 128;
	__builtin_memcpy(whole.addr, frame->skb ? &ip->daddr : &ip->saddr, sizeof(whole.addr));
	entry = bpf_map_lookup_elem(&aegis_block6, whole.addr);
	near = used->longer | used->shorter ? near6(&whole) : 0;
	if (!entry && !near)
		return false;
	frame->upper = offset + sizeof(*ip);
	frame->proto = ip->nexthdr;
	frame->first = true;
	if (is_neighbour_discovery(frame, ip->hop_limit) || is_udp_to(frame, 546, 547))
		return false;
	if (bpf_map_lookup_elem(&aegis_allow6, &whole))
		return false;
	now = boot_now();
	left = near & used->longer;
	for (int i = 0; i <= AEGIS_MAX_LENGTHS; i++) {
		if (entry) {
			verdict = strike(entry, frame, now, 128);
			if (verdict != NEXT)
				return verdict == DROP;
		}
		if (!left && at_least) {
			left = near & used->shorter;
			at_least = 0;
		}
		if (!left)
			return false;
		entry = find_net6(&whole, at_least + take_longest(used, &left));
	}
	return false;
}

static __always_inline bool is_tag(__be16 proto)
{
	return proto == bpf_htons(ETH_P_8021Q) || proto == bpf_htons(ETH_P_8021AD);
}

static __always_inline bool drops(struct frame *frame)
{
	struct ethhdr copy, *eth = header(frame, 0, &copy, sizeof(copy));
	__u32 offset = sizeof(*eth);
	__be16 proto;

	if (!eth)
		return false;
	proto = eth->h_proto;
	for (int i = 0; i < MAX_TAGS && is_tag(proto); i++) {
		struct vlan_tag tag_copy, *tag = header(frame, offset, &tag_copy, sizeof(tag_copy));

		if (!tag)
			return false;
		proto = tag->proto;
		offset += sizeof(*tag);
	}
	if (proto == bpf_htons(ETH_P_IP))
		return drops4(frame, offset);
	if (proto == bpf_htons(ETH_P_IPV6))
		return drops6(frame, offset);
	return false;
}

SEC("xdp")
int aegis_xdp(struct xdp_md *ctx)
{
	struct frame frame = {
		.data = (void *)(long)ctx->data,
		.end = (void *)(long)ctx->data_end,
	};
	struct aegis_counts *count = counts();

	if (!count)
		return XDP_PASS;
	count->seen++;
	frame.length = frame.end - frame.data;
	if (halted() || !drops(&frame))
		return XDP_PASS;
	count->dropped++;
	return XDP_DROP;
}

/* TC_ACT_UNSPEC leaves the packet to the programs and filters after this one. */
SEC("tc")
int aegis_egress(struct __sk_buff *skb)
{
	struct frame frame = {
		.data = (void *)(long)skb->data,
		.end = (void *)(long)skb->data_end,
		.skb = skb,
		.length = skb->len,
	};

	return !halted() && drops(&frame) ? TC_ACT_SHOT : TC_ACT_UNSPEC;
}

char _license[] SEC("license") = "Apache-2.0";
