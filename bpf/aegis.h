/* SPDX-License-Identifier: Apache-2.0 */
/* Layout of the pinned maps, shared with engine/guard/layout.py: change one, change both, and raise AEGIS_LAYOUT. */
#ifndef AEGIS_H
#define AEGIS_H

#define AEGIS_LAYOUT 3

#define AEGIS_MAX_SINGLES 131072
#define AEGIS_MAX_NETS 16384
#define AEGIS_MAX_ALLOWED 4096
#define AEGIS_MAX_LENGTHS 16	/* different lengths in one net map: a packet costs no more lookups than that */
#define AEGIS_SSH_PORTS 8
#define AEGIS_HEARTBEAT_NS 60000000000ULL	/* a heart that is older is stale */

/* Slots of aegis_state. LAYOUT and HALTED keep their place for ever: panic must work on maps of any layout. */
enum aegis_slot {
	AEGIS_SLOT_LAYOUT,
	AEGIS_SLOT_HALTED,	/* not 0: every packet passes */
	AEGIS_SLOTS = 4,
};

enum aegis_flag {
	AEGIS_COUNT_ONLY = 1,	/* count the packet, drop nothing */
};

struct aegis_entry {
	__u64 deadline_ns;	/* CLOCK_BOOTTIME; 0 is permanent */
	__u64 packets;		/* from the prefix */
	__u64 bytes;
	__u64 out_packets;	/* to the prefix; the segments of one offloaded send are one packet */
	__u64 out_bytes;
	__u64 last_hit_ns;	/* CLOCK_BOOTTIME, either way */
	__u64 ifaces;		/* bits of the interfaces the block was approved for */
	__u32 entry_id;
	__u16 flags;
	__u16 prefix_len;	/* as in the key */
};

struct aegis_net4 {
	__u32 prefix_len;
	__be32 addr;
};

struct aegis_net6 {
	__u32 prefix_len;
	__be32 addr[4];
};

/*
 * The lengths that a net map may hold, so that a lookup tries no other: bit AEGIS_BIT(length) of `longer` for those of
 * 64 and more, of `shorter` for the others. `length_at` tells a length (modulo 64) by its bit: AEGIS_PLACE(bit), a
 * multiplication that gives each bit a place of its own (de Bruijn). Slot 0 is IPv4, slot 1 IPv6.
 */
#define AEGIS_BIT(length) (1ULL << (63 - (length) % 64))
#define AEGIS_PLACE(bit) (((bit) * 0x03f79d71b4cb0a89ULL) >> 58)
struct aegis_lengths {
	__u64 longer;
	__u64 shorter;
	__u8 length_at[64];
};

/*
 * Which lengths a net map may hold near an address: bit AEGIS_BIT(length) of the cell that the address is in. A cell
 * is the first 16 bits of an IPv4 address, and the first 48 of an IPv6 address folded. A bit too many costs a lookup.
 */
#define AEGIS_CELLS 65536

/* Who looks after the blocks: when beat_ns is stale, blocks of more than one address spare the SSH ports. */
struct aegis_pulse {
	__u64 beat_ns;		/* CLOCK_BOOTTIME */
	__u16 ssh_ports[AEGIS_SSH_PORTS];	/* 0 is none */
};

/* One for each CPU; inbound packets only. */
struct aegis_counts {
	__u64 seen;
	__u64 dropped;
	__u64 tick_ns;		/* the coarse clock when boot_ns was read */
	__u64 boot_ns;
};

#endif
