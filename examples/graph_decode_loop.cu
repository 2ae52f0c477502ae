// A language model's decode loop, captured once as a CUDA graph and replayed for each token: which
// part of the model each kernel belongs to, although the host makes one call for all of them.
#include <cuda_runtime.h>

#include <cstdio>
#include <latency/cupti.hpp>
#include <latency/latency.hpp>
#include <map>
#include <string>
#include <unordered_map>

// Stand for the kernels of a layer.
__global__ void attention(float* hidden) {
  for (int i = 0; i < 400; ++i) hidden[threadIdx.x] = hidden[threadIdx.x] * 1.0001f + 0.5f;
}
__global__ void ffn(float* hidden) {
  for (int i = 0; i < 800; ++i) hidden[threadIdx.x] = hidden[threadIdx.x] * 0.9999f - 0.5f;
}
__global__ void sample(const float* hidden, int* token) {
  if (threadIdx.x == 0) *token = static_cast<int>(hidden[0]) & 1023;
}

constexpr int layers = 4, tokens = 50;

// One token, as the program would launch it without a graph.
void decode(cudaStream_t stream, float* hidden, int* token) {
  for (int layer = 0; layer < layers; ++layer) {
    LATENCY_SCOPE("layer", {"layer", layer});
    {
      LATENCY_SCOPE("attention");
      attention<<<1, 256, 0, stream>>>(hidden);
    }
    LATENCY_SCOPE("ffn");
    ffn<<<1, 256, 0, stream>>>(hidden);
  }
  LATENCY_SCOPE("sample");
  sample<<<1, 256, 0, stream>>>(hidden, token);
}

// "layer > attention"
std::string text_of(const latency::recording& run, std::int32_t path) {
  if (path < 0) return "";
  const latency::span_path& row = run.span_paths[static_cast<std::size_t>(path)];
  const std::string above = text_of(run, row.parent);
  return above + (above.empty() ? "" : " > ") + run.strings[row.name];
}

int main() {
  cudaStream_t stream = nullptr;
  float* hidden = nullptr;
  int* token = nullptr;
  if (cudaStreamCreate(&stream) != cudaSuccess ||
      cudaMalloc(&hidden, 256 * sizeof *hidden) != cudaSuccess ||
      cudaMalloc(&token, sizeof *token) != cudaSuccess) {
    std::fprintf(stderr, "skipped: no CUDA device\n");
    return 77;
  }

  latency::session run{"graph_decode_loop.json"};
  latency::cupti::collector gpu{run};  // before the capture, so that it sees it
  if (!gpu.started()) std::fprintf(stderr, "no kernels: %s\n", gpu.why_not().c_str());

  cudaGraph_t graph = nullptr;
  cudaGraphExec_t executable = nullptr;
  {
    LATENCY_SCOPE("capture");
    cudaStreamBeginCapture(stream, cudaStreamCaptureModeThreadLocal);
    decode(stream, hidden, token);
    cudaStreamEndCapture(stream, &graph);
    cudaGraphInstantiate(&executable, graph, 0);
  }
  for (int i = 0; i < tokens; ++i) {
    LATENCY_SCOPE("token", {"token", i});
    cudaGraphLaunch(executable, stream);
    cudaStreamSynchronize(stream);
  }
  cudaGraphExecDestroy(executable);
  cudaGraphDestroy(graph);
  const latency::recording recorded = run.stop();

  // latency breakdown graph_decode_loop.json shows more; the sums by hand:
  struct sum {
    int ops = 0;
    double us = 0;
  };
  std::unordered_map<std::uint64_t, std::string> captured_in;  // by node
  for (const latency::graph_node& node : recorded.graph_nodes)
    captured_in[node.node] = text_of(recorded, node.path);
  std::map<std::string, sum> sums;
  for (const latency::device_op& op : recorded.device_ops) {
    if (op.replay == 0) continue;
    sum& one = sums[captured_in[op.graph_node]];
    ++one.ops;
    one.us += static_cast<double>(op.end_ns - op.start_ns) / 1e3;
  }
  for (const auto& [path, one] : sums)
    std::printf("token > %-20s %4d kernels  %8.1f us\n", path.c_str(), one.ops, one.us);
  const int expected = gpu.started() ? layers * tokens : 0;
  return sums["layer > ffn"].ops == expected ? 0 : 1;
}
