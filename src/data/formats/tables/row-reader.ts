import type { ImageRecord } from '../../assemble.js';
import type { Remarks } from '../../remarks.js';
import { splitName } from '../../splits/split-names.js';
import { classNumberOf, classOf, flagOf, type OnUnread, textsOf } from './cells.js';
import type { Columns } from './columns.js';

/** What a row says of its image. */
export interface RowTexts {
  readonly captions: readonly string[];
  readonly className?: string;
  /** Of its class, in a second column. */
  readonly number?: number;
  readonly split?: string;
}

/** Reads rows by the columns that were chosen. What a class is, is known after the last row. */
export class RowReader {
  private readonly numbers = new ClassNumbers();
  /** By the columns that may name the classes. */
  private readonly named: ReadonlyMap<string, ClassNumbers>;
  /** Rows with 1 in one of the columns of classes. */
  private hot = 0;
  /** Images with 1 in several. */
  private readonly several: string[] = [];

  constructor(
    private readonly columns: Columns,
    private readonly isClassGiven: boolean,
    private readonly remarks: Remarks,
  ) {
    this.named = new Map(columns.mayName.map((name) => [name, new ClassNumbers()]));
  }

  /** Counts a cell that was not read. */
  unread(column: string, id: string): OnUnread {
    return (what) => this.remarks.add(`cells of the column ${column} that hold ${what}: not read`, id);
  }

  read(row: ReadonlyMap<string, unknown>, id: string): RowTexts {
    const { columns } = this;
    const texts = (names: readonly string[]) => names.flatMap((name) => textsOf(row.get(name), this.unread(name, id)));
    const className = columns.isOneHot ? this.hotClass(row, id) : this.firstClass(row, id);
    const number = this.numbers.add(
      columns.number === undefined ? classNumberOf(row.get(columns.class[0] ?? '')) : row.get(columns.number),
      className,
    );
    for (const [name, numbers] of this.named)
      numbers.add(
        className,
        classOf(row.get(name), () => {}),
      );
    const split = columns.splitFlag === undefined ? texts(columns.split)[0] : this.flaggedSplit(row);
    return {
      captions: texts(columns.text),
      ...(className !== undefined && { className }),
      ...(number !== undefined && { number }),
      ...(split !== undefined && { split }),
    };
  }

  /** @param count of images @returns the classes of what was read, and their names in the order of their numbers */
  finish(count: number): {
    readonly classNames?: readonly string[];
    readonly classIn: (said: RowTexts) => Pick<ImageRecord, 'className' | 'label'>;
  } {
    const { columns, numbers } = this;
    // Columns of 1 and 0 may say something else than classes.
    if (columns.isOneHot && !this.isClassGiven && 2 * this.hot < count) {
      const message = 'sets of columns of 1 and 0 that are not one a class: not read; name such columns with ?class=';
      this.remarks.add(message, columns.class.join(', '));
      return { classIn: () => ({}) };
    }
    for (const one of this.several) this.remarks.add('images of several classes: taken as unlabelled', one);
    for (const name of columns.unread) {
      const message = 'columns that are not read; name those of captions or classes with ?text= and ?class=';
      this.remarks.add(message, name);
    }
    const listed = numbers.names();
    if (!listed) {
      const elsewhere = this.namedElsewhere();
      if (elsewhere) return elsewhere;
      return {
        classIn: ({ className }) => (className === undefined ? {} : { className }),
        ...(columns.isOneHot && { classNames: columns.class }),
      };
    }
    return {
      classIn: ({ number }) => (number === undefined ? {} : { label: number - numbers.first }),
      classNames: listed,
    };
  }

  /** The classes of a column of numbers that another column names. */
  private namedElsewhere(): ReturnType<RowReader['finish']> | undefined {
    const [naming] = [...this.named].filter(([, one]) => one.areTold());
    if (!naming) return undefined;
    const [column, names] = naming;
    this.remarks.add('columns of numbers whose classes another column names', `${this.columns.class[0]}: ${column}`);
    const classNames = names.names();
    return {
      classIn: ({ className }) => {
        if (className === undefined) return {};
        const name = names.nameOf(className);
        if (name === undefined) return { className };
        return classNames ? { label: Number(className) - names.first } : { className: name };
      },
      ...(classNames && { classNames }),
    };
  }

  private firstClass(row: ReadonlyMap<string, unknown>, id: string): string | undefined {
    for (const name of this.columns.class) {
      const own = classOf(row.get(name), this.unread(name, id));
      if (own !== undefined) return own;
    }
    return undefined;
  }

  private hotClass(row: ReadonlyMap<string, unknown>, id: string): string | undefined {
    const hot = this.columns.class.filter((name) => flagOf(row.get(name)));
    if (hot.length === 1) {
      this.hot++;
      return hot[0];
    }
    if (hot.length > 1) this.several.push(`${id}: ${hot.join(', ')}`);
    return undefined;
  }

  /** `is_train` and its like: what is not trained on is tested on, and what is not tested on trained on. */
  private flaggedSplit(row: ReadonlyMap<string, unknown>): string | undefined {
    const flag = flagOf(row.get(this.columns.split[0]!));
    const split = splitName(this.columns.splitFlag!);
    if (flag === undefined) return undefined;
    return flag ? split : split === 'train' ? 'test' : 'train';
  }
}

/** Names of classes by the numbers that stand beside them: two classes of one name are told apart by these. */
class ClassNumbers {
  private readonly byNumber = new Map<number, string>();
  private isConsistent = true;
  private count = 0;

  /** @returns the number, −1 where it is none of a class; undefined where there is none */
  add(cell: unknown, name: string | undefined): number | undefined {
    const text = classOf(cell, () => {});
    if (text === undefined) {
      // Numbers that some classes lack tell nothing of the others.
      if (name !== undefined) this.isConsistent = false;
      return undefined;
    }
    const number = Number(text);
    if (!Number.isInteger(number) || number < 0) return -1;
    if (name === undefined) return number;
    this.count++;
    const known = this.byNumber.get(number);
    if (known !== undefined && known !== name) this.isConsistent = false;
    this.byNumber.set(number, name);
    return number;
  }

  /** The number of the first class. */
  get first(): 0 | 1 {
    return this.byNumber.has(0) ? 0 : 1;
  }

  nameOf(number: string): string | undefined {
    return this.byNumber.get(Number(number));
  }

  /** Whether each number had one name, and often enough that this is no chance, and hardly two numbers the same. */
  areTold(): boolean {
    const { byNumber, count, isConsistent } = this;
    return isConsistent && byNumber.size > 1 && count >= 2 * byNumber.size && this.differ();
  }

  private differ(): boolean {
    return 2 * new Set(this.byNumber.values()).size > this.byNumber.size;
  }

  /**
   * The names, in the order of the numbers, where each number from 0 or 1 on has one, and no more than half of them are
   * other classes' names (then the numbers are of something finer); undefined otherwise.
   */
  names(): string[] | undefined {
    const { byNumber } = this;
    const names = Array.from({ length: byNumber.size }, (_, i) => byNumber.get(i + this.first));
    const isWhole = names.length > 0 && names.every((name) => name !== undefined);
    return this.isConsistent && isWhole && 2 * new Set(names).size >= names.length ? (names as string[]) : undefined;
  }
}
