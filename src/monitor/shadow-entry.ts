/** Entries of the shadow page tables, derived from those of the guest's. */
import { address64, Entry, maskAddress, type PagingMode, type PagingModel, XD } from '../memory/paging.ts';
import { MONITOR_PHYSICAL } from '../memory/physical.ts';
import { CR0, CR4, EFER } from '../x86/registers.ts';

/** Physical addresses that reach neither guest RAM nor the monitor's: for guest mappings of nothing. */
const NOWHERE = 0xe0000000;

/** What of the guest's control registers an entry depends on. */
export interface ShadowRole {
  /** The role as a number of ROLE_BITS bits. */
  readonly number: number;
  readonly paged: boolean;
  readonly pae: boolean;
  readonly noExecute: boolean;
  readonly writeProtect: boolean;
  readonly global: boolean;
  readonly largePages: boolean;
  readonly addressMask: number;
  readonly model: PagingModel;
}
export const ROLE_BITS = 7;

export const roleNumber = ({ cr0, cr4, efer, addressMask }: PagingMode): number => {
  const a20 = addressMask === 0xffffffff ? 0 : 1;
  if ((cr0 & CR0.PG) === 0) return a20;
  return (
    a20 |
    2 |
    (cr4 & CR4.PAE ? 4 : 0) |
    (efer & EFER.NXE ? 8 : 0) |
    (cr0 & CR0.WP ? 16 : 0) |
    (cr4 & CR4.PGE ? 32 : 0) |
    (cr4 & CR4.PSE ? 64 : 0)
  );
};
export const roleOf = (guest: PagingMode): ShadowRole => {
  const number = roleNumber(guest);
  return {
    number,
    paged: (number & 2) !== 0,
    pae: (number & 4) !== 0,
    noExecute: (number & 8) !== 0,
    writeProtect: (number & 16) !== 0,
    global: (number & 32) !== 0,
    largePages: (number & 64) !== 0,
    addressMask: guest.addressMask,
    model: guest.model,
  };
};

/** The doublewords of an entry; one instance is reused. */
export interface ShadowEntry {
  low: number;
  high: number;
}

/**
 * An entry for one page.
 * @param rights RW and US, where all levels of the guest's tables have them @param marks D and G of the last
 * level @param supervisorWrites with CR0.WP clear, to a read-only page: while they are allowed users are kept out
 */
export const mapPage = (
  out: ShadowEntry,
  role: ShadowRole,
  physical: number,
  rights: number,
  marks: number,
  noExecute: boolean,
  supervisorWrites: boolean,
): void => {
  const masked = maskAddress(physical, role.addressMask);
  let low = (masked >= MONITOR_PHYSICAL ? NOWHERE : masked) | Entry.P | Entry.A;
  if (role.global) low |= marks & Entry.G;
  const dirty = (marks & Entry.D) !== 0;
  if (rights & Entry.RW) {
    if (dirty) low |= Entry.RW | Entry.D;
    low |= rights & Entry.US;
  } else if (supervisorWrites && dirty && !role.writeProtect) low |= Entry.RW | Entry.D;
  else low |= rights & Entry.US;
  out.low = low;
  out.high = noExecute ? XD : 0;
};

/**
 * The entry for a guest's page-table entry; none when that is not present, not accessed yet, or reserved bits are
 * set. Its dirty bit must be set before there may be a writable one.
 * @param low,high the guest's entry @param access of the directory entry: RW, US, and XD as a sign bit
 */
export const mapSmall = (
  out: ShadowEntry,
  role: ShadowRole,
  low: number,
  high: number,
  access: number,
  supervisorWrites: boolean,
): void => {
  const { pae, model } = role;
  const needed = Entry.P | Entry.A;
  const checked = pae || role.largePages;
  out.low = 0;
  out.high = 0;
  if ((low & needed) !== needed || (checked && low & model.small)) return;
  if (pae && high & (model.high64 | (role.noExecute ? 0 : XD))) return;
  const physical = pae ? address64(low, high, 0xfffff000) : (low & 0xfffff000) >>> 0;
  const disabled = role.noExecute && ((high | access) & XD) !== 0;
  mapPage(out, role, physical, low & access, low, disabled, supervisorWrites);
};

/** The entry for a part of a large page. @param offset in the large page, whole pages */
export const mapLarge = (
  out: ShadowEntry,
  role: ShadowRole,
  low: number,
  high: number,
  offset: number,
  supervisorWrites: boolean,
): void => {
  const physical = role.pae
    ? address64(low, high, 0xffe00000)
    : ((low & 0xffc00000) >>> 0) + ((low >>> 13) & 0xff) * 2 ** 32;
  const disabled = role.noExecute && (high & XD) !== 0;
  mapPage(out, role, physical + offset, low, low, disabled, supervisorWrites);
  out.low |= Entry.AVAILABLE;
};
