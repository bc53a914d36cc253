// The corner of a pane of curves: save what is drawn as one SVG, or every value as CSV.
import { Download } from 'lucide-react';
import { saveText } from '../host.ts';
import { Menu } from '../ui/Menu.tsx';
import type { CurveChartProps } from './CurveChart.tsx';
import { curvesCsv, curvesSvg } from './curve-files.ts';

type Props = {
  /** Over the charts in the file, and what is saved: "flowers12, run 3: curves". */
  title: string;
  /** The files' name, without its ending. */
  name: string;
  charts: readonly CurveChartProps[];
  /** Charts side by side. */
  columns?: number;
  /** Where `charts` draw fewer values than there are: the charts with all of them. */
  full?: () => readonly CurveChartProps[];
};

export function SaveCharts({ title, name, charts, columns = 1, full = () => charts }: Props) {
  const empty = charts.every(({ curves }) => curves.every(({ dots }) => dots.length === 0));
  return (
    <span className="save-charts">
      <Menu
        label={`Save ${title}`}
        trigger={<Download size={14} />}
        items={[
          {
            label: charts.length > 1 ? 'Charts, SVG' : 'Chart, SVG',
            letter: 'S',
            disabled: empty,
            run: () => saveText(curvesSvg(title, charts, columns), 'image/svg+xml', `${name}.svg`),
          },
          {
            label: 'Values, CSV',
            letter: 'C',
            disabled: empty,
            run: () => saveText(curvesCsv(full()), 'text/csv', `${name}.csv`),
          },
        ]}
      />
    </span>
  );
}
