// The pictures of docs/charts.md: documentation_pictures.mjs FOLDER REPORT.html, of a run with prompt switches.
import path from 'node:path';
import {launch, open} from './browser.mjs';

const [folder, report] = process.argv.slice(2);
const browser = await launch();
const top = await open(browser, report, {height: 820});
await top.page.screenshot({path: path.join(folder, 'report_top.png')});

const {page} = await open(browser, report, {width: 1000, colorScheme: 'dark'});
const place = await page.evaluate(() => {  // around the first prompt switch, the pointer on its recache
  const {timeline} = document.querySelector('.timeline');
  const {data, view, drawing} = timeline;
  const [start, end] = data.blocks.find(([, , , kind]) => kind === 'switch');
  timeline.show(start - (end - start) * 0.2, end + (end - start) * 0.6);
  timeline.draw();
  timeline.root.scrollIntoView();
  const level = data.level(data.levelFor((view.to - view.from) / view.width));
  const recache = data.names.findIndex(([name]) => name === 'prompt_switch_recache');
  for (let lane = 0; lane < level.length; ++lane)
    for (let i = 0; i < level[lane].length; ++i)
      if (level[lane].name[i] === recache && level[lane].start[i] >= start) {
        const box = timeline.canvas.getBoundingClientRect();
        return {x: box.left + drawing.x((level[lane].start[i] + level[lane].end[i]) / 2), y: box.top + drawing.fixed + drawing.rows.tops[lane] + 8};
      }
  return {x: 0, y: 0};
});
await page.mouse.move(place.x, place.y);
await page.locator('.timeline').screenshot({path: path.join(folder, 'report_timeline.png')});
await browser.close();
