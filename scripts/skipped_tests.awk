# skipped_tests.awk LastTest.log ctest.log: one line per reason. A test that skips, wholly or in part,
# prints "skipped: <why>" at the start of a line.
FNR == NR && / Testing: / { test = $3 }
FNR == NR && /^skipped: / { print "    " test ": " substr($0, 10); explained[test] = 1; found = 1 }
FNR != NR && /\(Skipped\)$/ && !($3 in explained) { print "    " $3 ": gives no reason"; found = 1 }
END { if (!found) print "    none" }
