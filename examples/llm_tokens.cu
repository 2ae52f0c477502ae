// Time to first token and inter-token latency of a language model's requests: a request is an async
// span, and each token a mark on the stream, read when the device has finished it. The host runs
// ahead of the device, so the times at which it launched would say nothing.
#include <cuda_runtime.h>

#include <cstdio>
#include <latency/cuda.hpp>
#include <latency/latency.hpp>
#include <latency/statistics.hpp>
#include <map>
#include <vector>

// Stands for the work of one forward pass.
__global__ void forward(long long wanted_ns) {
  long long start_ns = 0, now_ns = 0;
  asm volatile("mov.u64 %0, %%globaltimer;" : "=l"(start_ns));
  do asm volatile("mov.u64 %0, %%globaltimer;" : "=l"(now_ns));
  while (now_ns - start_ns < wanted_ns);
}

int main() {
  constexpr int requests = 5, tokens = 40;
  cudaStream_t stream = nullptr;
  if (cudaStreamCreate(&stream) != cudaSuccess) {
    std::fprintf(stderr, "skipped: no CUDA device\n");
    return 77;
  }
  forward<<<1, 1, 0, stream>>>(1000);  // the first launch loads the module
  cudaStreamSynchronize(stream);

  latency::session run;
  latency::cuda::events gpu{run};
  std::vector<latency::span_id> asked;
  for (int request = 0; request < requests; ++request) {
    latency::async_span whole{"request", {"request", request}};
    asked.push_back(whole.id());
    {
      latency::cuda::scope prefill{stream, "prefill"};
      forward<<<1, 1, 0, stream>>>(3000000);
    }
    for (int token = 0; token < tokens; ++token) {
      if (token > 0) {
        latency::cuda::scope decode{stream, "decode", {"token", token}};
        forward<<<1, 1, 0, stream>>>(500000);
      }
      latency::mark(stream, "token", request * tokens + token);
    }
    cudaStreamSynchronize(stream);  // the answer is complete
    whole.end();
  }
  const latency::recording recorded = run.stop();

  std::map<std::int64_t, std::int64_t> completed_ns;  // by token
  for (const latency::completion_mark& m : recorded.marks) completed_ns[m.index] = m.time_ns;
  std::vector<double> first_ms, between_ms;
  for (const latency::recorded_async_span& s : recorded.async_spans) {
    const auto request =
        recorded.integer_attribute(s.attributes, recorded.strings.find("request"), 0);
    for (std::int64_t token = 0; token < tokens; ++token) {
      const std::int64_t now_ns = completed_ns[request * tokens + token];
      if (token == 0) {
        first_ms.push_back(static_cast<double>(now_ns - s.start_ns) / 1e6);
      } else {
        between_ms.push_back(
            static_cast<double>(now_ns - completed_ns[request * tokens + token - 1]) / 1e6);
      }
    }
  }
  std::printf("time to first token  n %3zu  P50 %6.3f ms  max %6.3f ms\n", first_ms.size(),
              latency::percentile(first_ms, 50), latency::percentile(first_ms, 100));
  std::printf("inter-token latency  n %3zu  P50 %6.3f ms  P99 %6.3f ms\n", between_ms.size(),
              latency::percentile(between_ms, 50), latency::percentile(between_ms, 99));
  return completed_ns.size() == requests * tokens ? 0 : 1;
}
