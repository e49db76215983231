/** The shadow paging that a technique asks for. */
import type { Mmu } from '../memory/mmu.ts';
import type { Technique } from '../techniques/technique.ts';
import { ShadowPageTables } from './shadow-page-tables.ts';
import { type GuestTables, SHADOW_PAGES, type ShadowPaging } from './shadow-paging.ts';
import { VirtualTlb } from './virtual-tlb.ts';

export const createShadowPaging = (
  mmu: Mmu,
  tables: GuestTables,
  { mmu: kind, shadowPages = SHADOW_PAGES }: Pick<Technique, 'mmu' | 'shadowPages'>,
): ShadowPaging =>
  kind === 'vtlb' ? new VirtualTlb(mmu, tables) : new ShadowPageTables(mmu, tables, shadowPages);
