// SPDX-License-Identifier: Apache-2.0
/* Drops packets by source address: allow before block, expiry in the kernel, and what cannot be parsed passes. */
#include <stdbool.h>
#include <linux/bpf.h>
#include <linux/icmpv6.h>
#include <linux/if_ether.h>
#include <linux/in.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <linux/udp.h>
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
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct aegis_counts);
} aegis_counts SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, AEGIS_MAX_SINGLES);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, __u8[4]);
	__type(value, struct aegis_entry);
} aegis_block4 SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, AEGIS_MAX_SINGLES);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, __u8[16]);
	__type(value, struct aegis_entry);
} aegis_block6 SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_LPM_TRIE);
	__uint(max_entries, AEGIS_MAX_NETS);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, struct aegis_lpm4);
	__type(value, struct aegis_entry);
} aegis_net4 SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_LPM_TRIE);
	__uint(max_entries, AEGIS_MAX_NETS);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, struct aegis_lpm6);
	__type(value, struct aegis_entry);
} aegis_net6 SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_LPM_TRIE);
	__uint(max_entries, AEGIS_MAX_ALLOWED);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, struct aegis_lpm4);
	__type(value, __u32);
} aegis_allow4 SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_LPM_TRIE);
	__uint(max_entries, AEGIS_MAX_ALLOWED);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, struct aegis_lpm6);
	__type(value, __u32);
} aegis_allow6 SEC(".maps");

static __always_inline __u32 state(__u32 slot)
{
	__u32 *value = bpf_map_lookup_elem(&aegis_state, &slot);

	return value ? *value : 0;
}

/*
 * CLOCK_BOOTTIME, read again when the kernel's tick has moved the coarse clock: 24 ns become 4 under a
 * flood, and a deadline is met within one tick (at most 10 ms).
 */
static __always_inline __u64 boot_now(struct aegis_counts *counts)
{
	__u64 tick = bpf_ktime_get_coarse_ns();

	if (tick != counts->tick_ns) {
		counts->boot_ns = bpf_ktime_get_boot_ns();
		counts->tick_ns = tick;
	}
	return counts->boot_ns;
}

/* Counts a packet against an entry; true when the entry orders a drop on this interface. */
static __always_inline bool strike(struct aegis_entry *entry, __u64 now, __u64 length)
{
	if (!(entry->ifaces & aegis_iface))
		return false;
	if (entry->deadline_ns && now >= entry->deadline_ns)
		return false;
	__sync_fetch_and_add(&entry->packets, 1);
	__sync_fetch_and_add(&entry->bytes, length);
	entry->last_hit_ns = now;
	return !(entry->flags & AEGIS_COUNT_ONLY);
}

static __always_inline bool is_dhcp4(struct iphdr *ip, void *end)
{
	struct udphdr *udp = (void *)ip + ip->ihl * 4;

	if (ip->protocol != IPPROTO_UDP || ip->frag_off & bpf_htons(IP_OFFSET_MASK))
		return false;
	if ((void *)(udp + 1) > end)
		return false;
	return udp->dest == bpf_htons(67) || udp->dest == bpf_htons(68);
}

static __always_inline bool is_dhcp6(struct ipv6hdr *ip, void *end)
{
	struct udphdr *udp = (void *)(ip + 1);

	if (ip->nexthdr != IPPROTO_UDP || (void *)(udp + 1) > end)
		return false;
	return udp->dest == bpf_htons(546) || udp->dest == bpf_htons(547);
}

/* A hop limit of 255 proves that no router forwarded the packet (RFC 4861). */
static __always_inline bool is_neighbour_discovery(struct ipv6hdr *ip, void *end)
{
	struct icmp6hdr *icmp = (void *)(ip + 1);

	if (ip->nexthdr != IPPROTO_ICMPV6 || ip->hop_limit != 255 || (void *)(icmp + 1) > end)
		return false;
	return icmp->icmp6_type >= ND_FIRST && icmp->icmp6_type <= ND_LAST;
}

/*
 * A longest match that has expired, only counts, or is for another interface must not shadow a wider
 * block that still holds, so the walk goes on with ever shorter prefixes. The allow list and the clock cost nothing for a
 * source that no entry names.
 */
static __always_inline bool drops4(struct iphdr *ip, void *end, __u64 length, struct aegis_counts *counts)
{
	struct aegis_lpm4 key = { .prefix_len = 32 };
	struct aegis_entry *entry;
	__u32 nets;
	__u64 now;

	if ((void *)(ip + 1) > end)
		return false;
	if (ip->version != 4 || ip->ihl < 5)
		return false;
	__builtin_memcpy(key.addr, &ip->saddr, sizeof(key.addr));
	nets = state(AEGIS_SLOT_NETS4);
	entry = bpf_map_lookup_elem(&aegis_block4, key.addr);
	if (!entry && nets)
		entry = bpf_map_lookup_elem(&aegis_net4, &key);
	if (!entry)
		return false;
	if (is_dhcp4(ip, end) || bpf_map_lookup_elem(&aegis_allow4, &key))
		return false;
	now = boot_now(counts);
	for (int i = 0; i <= 32; i++) {
		if (strike(entry, now, length))
			return true;
		if (!nets || !entry->prefix_len)
			return false;
		key.prefix_len = entry->prefix_len - 1;
		entry = bpf_map_lookup_elem(&aegis_net4, &key);
		if (!entry)
			return false;
	}
	return false;
}

static __always_inline bool drops6(struct ipv6hdr *ip, void *end, __u64 length, struct aegis_counts *counts)
{
	struct aegis_lpm6 key = { .prefix_len = 128 };
	struct aegis_entry *entry;
	__u32 nets;
	__u64 now;

	if ((void *)(ip + 1) > end)
		return false;
	if (ip->version != 6)
		return false;
	__builtin_memcpy(key.addr, &ip->saddr, sizeof(key.addr));
	nets = state(AEGIS_SLOT_NETS6);
	entry = bpf_map_lookup_elem(&aegis_block6, key.addr);
	if (!entry && nets)
		entry = bpf_map_lookup_elem(&aegis_net6, &key);
	if (!entry)
		return false;
	if (is_neighbour_discovery(ip, end) || is_dhcp6(ip, end) || bpf_map_lookup_elem(&aegis_allow6, &key))
		return false;
	now = boot_now(counts);
	for (int i = 0; i <= 128; i++) {
		if (strike(entry, now, length))
			return true;
		if (!nets || !entry->prefix_len)
			return false;
		key.prefix_len = entry->prefix_len - 1;
		entry = bpf_map_lookup_elem(&aegis_net6, &key);
		if (!entry)
			return false;
	}
	return false;
}

static __always_inline bool is_tag(__be16 proto)
{
	return proto == bpf_htons(ETH_P_8021Q) || proto == bpf_htons(ETH_P_8021AD);
}

static __always_inline bool drops(void *data, void *end, struct aegis_counts *counts)
{
	struct ethhdr *eth = data;
	void *inner = eth + 1;
	__be16 proto;

	if (inner > end)
		return false;
	proto = eth->h_proto;
	for (int i = 0; i < MAX_TAGS && is_tag(proto); i++) {
		struct vlan_tag *tag = inner;

		if ((void *)(tag + 1) > end)
			return false;
		proto = tag->proto;
		inner = tag + 1;
	}
	if (proto == bpf_htons(ETH_P_IP))
		return drops4(inner, end, end - data, counts);
	if (proto == bpf_htons(ETH_P_IPV6))
		return drops6(inner, end, end - data, counts);
	return false;
}

SEC("xdp")
int aegis_xdp(struct xdp_md *ctx)
{
	struct aegis_counts *counts;
	__u32 first = 0;

	counts = bpf_map_lookup_elem(&aegis_counts, &first);
	if (!counts)
		return XDP_PASS;
	counts->seen++;
	if (state(AEGIS_SLOT_HALTED))
		return XDP_PASS;
	if (!drops((void *)(long)ctx->data, (void *)(long)ctx->data_end, counts))
		return XDP_PASS;
	counts->dropped++;
	return XDP_DROP;
}

char _license[] SEC("license") = "Apache-2.0";
