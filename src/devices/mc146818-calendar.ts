/** The calendar bytes of the MC146818: seconds since 1970 to registers and back, and the alarm's next match. */

export interface CalendarFormat {
  /** DM: binary rather than BCD. */
  readonly binary: boolean;
  /** 24-hour rather than 12-hour mode. */
  readonly hours24: boolean;
}

const CENTURY = 0x32;
const DAY = 86400;
/** Hour bit for PM in 12-hour mode. */
const PM = 0x80;

const encode = (value: number, format: CalendarFormat): number =>
  format.binary ? value : (Math.floor(value / 10) << 4) | (value % 10);

const decode = (byte: number, format: CalendarFormat): number =>
  format.binary ? byte : (byte >> 4) * 10 + (byte & 15);

/** The hour register for an hour of 0-23. */
const encodeHour = (hour: number, format: CalendarFormat): number => {
  if (format.hours24) return encode(hour, format);
  return encode(hour % 12 || 12, format) | (hour >= 12 ? PM : 0);
};

const decodeHour = (byte: number, format: CalendarFormat): number => {
  if (format.hours24) return decode(byte, format);
  return (decode(byte & ~PM, format) % 12) + (byte & PM ? 12 : 0);
};

/** Writes the ten calendar and century bytes. @param seconds since 1970 @param weekdayShift see decodeCalendar */
export const readCalendar = (
  memory: Uint8Array,
  seconds: number,
  weekdayShift: number,
  format: CalendarFormat,
): void => {
  const date = new Date(seconds * 1000);
  const year = date.getUTCFullYear();
  memory[0] = encode(date.getUTCSeconds(), format);
  memory[2] = encode(date.getUTCMinutes(), format);
  memory[4] = encodeHour(date.getUTCHours(), format);
  memory[6] = encode(((date.getUTCDay() + weekdayShift) % 7) + 1, format);
  memory[7] = encode(date.getUTCDate(), format);
  memory[8] = encode(date.getUTCMonth() + 1, format);
  memory[9] = encode(year % 100, format);
  memory[CENTURY] = encode(Math.floor(year / 100) % 100, format);
};

/**
 * The time the calendar bytes stand for. The chip counts its weekday register by itself, so a weekday that does not
 * fit the date stays apart from it: `weekdayShift` (0-6) is the difference.
 */
export const decodeCalendar = (
  memory: Uint8Array,
  format: CalendarFormat,
): { seconds: number; weekdayShift: number } => {
  const date = new Date(0);
  date.setUTCFullYear(
    decode(memory[CENTURY], format) * 100 + decode(memory[9], format),
    decode(memory[8], format) - 1,
    decode(memory[7], format),
  );
  date.setUTCHours(decodeHour(memory[4], format), decode(memory[2], format), decode(memory[0], format));
  const weekday = decode(memory[6], format) - 1;
  return {
    seconds: date.getTime() / 1000,
    weekdayShift: (((weekday - date.getUTCDay()) % 7) + 7) % 7,
  };
};

/** An alarm byte of 0xC0-0xFF matches anything (datasheet, "Alarm"). */
const matches = (alarm: number, register: number): boolean => alarm >= 0xc0 || alarm === register;

/**
 * The first second in (from, last] at which the alarm bytes match; Infinity if there is none. Whole hours and
 * minutes that do not match are stepped over.
 */
export const nextAlarm = (
  from: number,
  last: number,
  hour: number,
  minute: number,
  second: number,
  format: CalendarFormat,
): number => {
  let t = from + 1;
  while (t <= last) {
    const ofDay = ((t % DAY) + DAY) % DAY;
    const ofHour = ofDay % 3600;
    if (!matches(hour, encodeHour(Math.floor(ofDay / 3600), format))) t += 3600 - ofHour;
    else if (!matches(minute, encode(Math.floor(ofHour / 60), format))) t += 60 - (ofHour % 60);
    else if (!matches(second, encode(ofHour % 60, format))) t++;
    else return t;
  }
  return Infinity;
};
