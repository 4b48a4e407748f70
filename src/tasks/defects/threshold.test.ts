import { describe, expect, it } from 'vitest';
import { Random } from '../../math/index.js';
import { falseAlarmsAt, thresholdFromSound } from './threshold.js';

const draw = (n: number, key: number) => {
  const random = new Random('threshold', key);
  return Array.from({ length: n }, () => random.float());
};

describe('a threshold from sound images', () => {
  it('lets as many false alarms through as wanted, on average and within its interval', () => {
    let [sum, within] = [0, 0];
    for (let i = 0; i < 200; i++) {
      const { value, falseAlarms } = thresholdFromSound(draw(99, i), 50);
      const alarms = 1000 * (1 - value); // scores are uniform
      sum += alarms;
      if (alarms >= falseAlarms.low && alarms <= falseAlarms.high) within++;
      expect(falseAlarms.expected).toBeCloseTo(50, 10);
    }
    expect(Math.abs(sum / 200 - 50)).toBeLessThan(5);
    expect(within / 200).toBeGreaterThan(0.9);
  });

  it('is the greatest score, and says so, where there are too few images for what is wanted', () => {
    const scores = draw(20, 1);
    const { value, interval, falseAlarms, sound } = thresholdFromSound(scores, 1);
    expect(value).toBe(Math.max(...scores));
    expect(falseAlarms.expected).toBeCloseTo(1000 / 21, 10);
    expect(interval[1]).toBeNull();
    expect(sound).toHaveLength(20);
    expect(falseAlarmsAt({ sound }, value)).toBeCloseTo(falseAlarms.expected, 10);
    expect(falseAlarmsAt({ sound }, sound[9]!)).toBeCloseTo((1000 * 11) / 21, 10);
    expect(falseAlarms.high).toBeCloseTo(168.4, 0); // 1 − 0.025^(1/20)
  });

  it('has an interval that holds the true quantile', () => {
    let within = 0;
    for (let i = 0; i < 200; i++) {
      const { interval } = thresholdFromSound(draw(300, 1000 + i), 100);
      if (interval[0]! <= 0.9 && interval[1]! >= 0.9) within++;
    }
    expect(within / 200).toBeGreaterThan(0.9);
  });
});
