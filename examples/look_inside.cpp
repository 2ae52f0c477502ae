// A recording without a file: end the session, and ask the span tree in the program itself.
#include <cstdio>
#include <latency/latency.hpp>
#include <latency/span_tree.hpp>
#include <latency/statistics.hpp>
#include <vector>

unsigned work(int n) {
  LATENCY_SCOPE("work", {"n", n});
  volatile unsigned sum = 0;
  for (int i = 0; i < n * 1000; ++i) sum = sum + static_cast<unsigned>(i);
  return sum;
}

int main() {
  latency::session run;  // no file: in memory
  {
    LATENCY_SCOPE("all");
    for (int i = 1; i <= 200; ++i) work(i);
  }
  const latency::recording recorded = run.stop();
  const latency::span_tree tree(recorded);

  std::vector<std::int64_t> work_ns;
  for (std::size_t i = 0; i < recorded.spans.size(); ++i)
    if (recorded.name_of(recorded.spans[i]) == "work")
      work_ns.push_back(tree.nodes()[i].exclusive_ns);
  std::printf("work: n = %zu, median %.0f ns, P99 %.0f ns\n", work_ns.size(),
              latency::median(work_ns), latency::percentile(work_ns, 99));

  const latency::thread_account& main_thread = tree.threads().front();
  std::printf("every nanosecond once: %lld exclusive + %lld untracked = %lld wall\n",
              static_cast<long long>(main_thread.exclusive_ns),
              static_cast<long long>(main_thread.untracked_ns),
              static_cast<long long>(tree.wall_ns()));
  return main_thread.exclusive_ns + main_thread.untracked_ns == tree.wall_ns() ? 0 : 1;
}
