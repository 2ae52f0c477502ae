// Tables: a click on a column's title sorts by it, down, up, and back to the order of the report. Rows of totals stay
// at the end. Figures are compared by their raw values (data-v), texts as texts.
function sortTable(table, column, direction) {
  const body = table.tBodies[0];
  const value = row => {
    const cell = row.cells[column];
    return cell.dataset.v === undefined ? cell.textContent : Number(cell.dataset.v);
  };
  const compare = (a, b) => {
    const x = value(a), y = value(b);
    const order = typeof x === 'number' && typeof y === 'number' ? x - y
      : typeof x === typeof y ? x.localeCompare(y) : typeof x === 'number' ? 1 : -1;  // gaps are texts: below figures
    return direction * order;
  };
  const rows = [...body.rows].sort((a, b) => a.dataset.i - b.dataset.i);
  const moving = rows.filter(row => !row.classList.contains('total'));
  if (direction !== 0) moving.sort(compare);
  body.append(...moving, ...rows.filter(row => row.classList.contains('total')));
}

function makeSortable(table) {
  const headings = [...table.tHead.rows[0].cells];
  [...table.tBodies[0].rows].forEach((row, i) => { row.dataset.i = i; });
  headings.forEach((heading, column) => {
    heading.querySelector('button').addEventListener('click', () => {
      const next = {none: 'descending', descending: 'ascending', ascending: 'none'}[heading.ariaSort || 'none'];
      for (const other of headings) other.ariaSort = 'none';
      heading.ariaSort = next;
      sortTable(table, column, {none: 0, ascending: 1, descending: -1}[next]);
    });
  });
}

document.querySelectorAll('table.sortable').forEach(makeSortable);
