// The look of report.html: the window's tokens, light and dark by the reader's system.
import { METHOD_ORDER, METHOD_STYLES, type Theme } from '../../../shared/chart/style.ts';
import { INTER_WOFF2 } from './inter.ts';

const methods = (theme: Theme) => METHOD_ORDER.map((id) => `--${id}:${METHOD_STYLES[id][theme]}`).join(';');

export const STYLE = `
@font-face{font-family:Inter;font-weight:100 900;src:url(data:font/woff2;base64,${INTER_WOFF2}) format('woff2')}
:root{color-scheme:light dark;--bg:#f7f7f5;--panel:#fff;--sunken:#f0efec;--line:#e3e2dd;--text:#1b1a18;--muted:#65635d;--right:43 89 217;--wrong:179 38 30;${methods('light')}}
*{box-sizing:border-box}
body{margin:0;background:var(--bg);color:var(--text);font:13px/20px Inter,'DejaVu Sans',system-ui,sans-serif}
main{max-width:960px;margin:0 auto;padding:24px 16px 64px}
h1{font:600 20px/28px Inter,system-ui,sans-serif;margin:0}
h2{font:600 15px/22px Inter,system-ui,sans-serif;margin:32px 0 8px}
h3{font:600 12px/18px Inter,system-ui,sans-serif;color:var(--muted);margin:0 0 6px}
p{margin:4px 0 12px}.muted{color:var(--muted)}
figure{margin:16px 0}.chart{border:1px solid var(--line);border-radius:8px;overflow:hidden}
.chart svg{display:block;width:100%;height:auto}.dark{display:none}
ul{padding-left:18px;margin:8px 0}.answer{font-size:14px;line-height:22px}
.scroll{overflow-x:auto}
table{border-collapse:collapse;background:var(--panel);border:1px solid var(--line);border-radius:6px;margin:0 0 12px}
th,td{padding:4px 10px;border-bottom:1px solid var(--line);text-align:left;font-weight:400;overflow-wrap:anywhere}
tbody tr:last-child>*{border-bottom:0}
thead th{font:600 11px/16px Inter,system-ui,sans-serif;color:var(--muted);white-space:nowrap}
.num{text-align:right;font-variant-numeric:tabular-nums;white-space:nowrap}
thead th:not(:first-child){text-align:right}
.dot{display:inline-block;width:8px;height:8px;border-radius:50%;margin-right:8px}
details{margin:12px 0}summary{cursor:pointer;font-weight:600;padding:4px 0}
.parts{display:grid;grid-template-columns:repeat(auto-fit,minmax(280px,1fr));gap:24px;align-items:start}
.parts svg{max-width:100%;height:auto}.parts text{font:11px Inter,system-ui,sans-serif;fill:var(--muted)}
.confusion td,.confusion th{padding:2px 5px;border:0;font-size:11px;line-height:16px}
.confusion table{background:none;border:0}.confusion.wide{grid-column:1/-1}.confusion td{min-width:24px;white-space:nowrap;overflow-wrap:normal;text-align:center;font-variant-numeric:tabular-nums}
.confusion thead th{writing-mode:vertical-rl;transform:rotate(180deg);text-align:left!important;padding:5px 2px}
.confusion tbody th{text-align:right;white-space:nowrap}
.bars td{border:0;padding:1px 8px}.bars th{border:0;padding:1px 8px;text-align:right}.bars table{background:none;border:0}
.bar{height:10px;border-radius:2px;background:rgb(var(--right))}
@media (prefers-color-scheme:dark){
:root{--bg:#141412;--panel:#1c1c19;--sunken:#232320;--line:#31302c;--text:#ecebe6;--muted:#a6a39b;--right:134 163 255;--wrong:255 143 134;${methods('dark')}}
.light{display:none}.dark{display:block}}
`;
