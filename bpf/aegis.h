/* SPDX-License-Identifier: Apache-2.0 */
/* Layout of the pinned maps, shared with engine/guard/xdp.py: change one, change both, and raise AEGIS_LAYOUT. */
#ifndef AEGIS_H
#define AEGIS_H

#define AEGIS_LAYOUT 2

#define AEGIS_MAX_SINGLES 131072
#define AEGIS_MAX_NETS 16384
#define AEGIS_MAX_ALLOWED 4096

/* Slots of aegis_state. LAYOUT and HALTED keep their place for ever: panic must work on maps of any layout. */
enum aegis_slot {
	AEGIS_SLOT_LAYOUT,
	AEGIS_SLOT_HALTED,	/* not 0: every packet passes */
	AEGIS_SLOT_NETS4,	/* not 0 while aegis_net4 may hold entries */
	AEGIS_SLOT_NETS6,
	AEGIS_SLOTS,
};

enum aegis_flag {
	AEGIS_COUNT_ONLY = 1,	/* count the packet, drop nothing */
};

struct aegis_entry {
	__u64 deadline_ns;	/* CLOCK_BOOTTIME; 0 is permanent */
	__u64 packets;
	__u64 bytes;
	__u64 last_hit_ns;	/* CLOCK_BOOTTIME */
	__u64 ifaces;		/* bits of the interfaces the block was approved for */
	__u32 entry_id;
	__u16 flags;
	__u16 prefix_len;	/* as in the key */
};

struct aegis_lpm4 {
	__u32 prefix_len;
	__u8 addr[4];
};

struct aegis_lpm6 {
	__u32 prefix_len;
	__u8 addr[16];
};

/* One for each CPU. */
struct aegis_counts {
	__u64 seen;
	__u64 dropped;
	__u64 tick_ns;		/* the coarse clock when boot_ns was read */
	__u64 boot_ns;
};

#endif
