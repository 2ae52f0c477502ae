#include <algorithm>
#include <cmath>

#include "pipeline_reference/ops/cpu/activations.hpp"
#include "pipeline_reference/ops/cpu/cpu_transformer_ops.hpp"
#include "pipeline_reference/ops/cpu/cpu_views.hpp"
#include "pipeline_reference/ops/random.hpp"

namespace ops::cpu {
namespace {

// Draws element after element of a random_numbers sequence, four at a time.
class normal_reader {
 public:
  explicit normal_reader(const random_numbers& numbers) : numbers_(numbers) {}
  // Element e; cheap when elements are asked for in order.
  float operator[](std::uint64_t e) {
    const std::uint64_t number = numbers_.first + e;
    if (number / 4 != group_) {
      group_ = number / 4;
      values_ = random_normals(numbers_.seed, numbers_.sequence, group_);
    }
    return values_[number % 4];
  }

 private:
  random_numbers numbers_;
  std::uint64_t group_ = ~std::uint64_t{0};
  std::array<float, 4> values_{};
};

constexpr std::int64_t elements_per_task = 4096;

// Calls body(begin, end) for pieces of [0, elements), on all threads.
template <class Body>
void for_elements(thread_pool& pool, std::int64_t elements, const Body& body) {
  pool.parallel_for(
      (elements + elements_per_task - 1) / elements_per_task, [&](std::int64_t task, int) {
        body(task * elements_per_task, std::min(elements, (task + 1) * elements_per_task));
      });
}

}  // namespace

void cpu_transformer_ops::timestep_embedding(const timestep_embedding_params& p, stream,
                                             workspace) {
  const std::int64_t half = p.out.columns() / 2;
  for (std::int64_t row = 0; row < p.out.rows(); ++row) {
    const double t = floats(p.timesteps)[row];
    float* out = floats(p.out) + row * p.out.row_stride;
    for (std::int64_t i = 0; i < half; ++i) {
      const double angle =
          t * std::pow(10000.0, -static_cast<double>(i) / static_cast<double>(half));
      out[i] = static_cast<float>(std::cos(angle));
      out[half + i] = static_cast<float>(std::sin(angle));
    }
  }
}

void cpu_transformer_ops::activate(const activate_params& p, stream, workspace) {
  for_elements(pool_, p.x.elements(), [&](std::int64_t begin, std::int64_t end) {
    array_map out(floats(p.out) + begin, end - begin);
    out = const_array_map(floats(p.x) + begin, end - begin);
    apply(p.function, out);
  });
}

void cpu_transformer_ops::gated_activation(const gated_activation_params& p, stream, workspace) {
  const std::int64_t n = p.out.columns();
  pool_.parallel_for(p.out.rows(), [&](std::int64_t row, int) {
    constexpr std::int64_t piece_values = 512;
    float memory[piece_values];
    for (std::int64_t begin = 0; begin < n; begin += piece_values) {
      const std::int64_t count = std::min(piece_values, n - begin);
      const auto part = [&](const auto& t) { return floats(t) + row * t.row_stride + begin; };
      array_map activated(memory, count);
      activated = const_array_map(part(p.gate), count);
      apply(p.function, activated);
      array_map(part(p.out), count) = activated * const_array_map(part(p.x), count);
    }
  });
}

void cpu_transformer_ops::relative_bias(const relative_bias_params& p, stream, workspace) {
  const std::int64_t m = p.out.columns(), distances = p.by_distance.columns();
  pool_.parallel_for(p.out.rows(), [&](std::int64_t row, int) {
    const std::int64_t head = row / m, query = row % m;
    std::copy_n(floats(p.by_distance) + head * distances + distances / 2 - query, m,
                floats(p.out) + row * m);
  });
}

void cpu_transformer_ops::broadcast_add(const broadcast_add_params& p, stream, workspace) {
  const std::int64_t m = p.rows.rows(), n = p.rows.columns();
  for (std::int64_t group = 0; group < p.table.rows(); ++group)
    for (std::int64_t row = 0; row < m; ++row)
      array_map(floats(p.out) + (group * m + row) * p.out.row_stride, n) =
          const_array_map(floats(p.table) + group * p.table.row_stride, n) +
          const_array_map(floats(p.rows) + row * p.rows.row_stride, n);
}

void cpu_transformer_ops::fill_normal(const fill_normal_params& p, stream, workspace) {
  for_elements(pool_, p.out.elements(), [&](std::int64_t begin, std::int64_t end) {
    normal_reader normals(p.numbers);
    float* out = floats(p.out);
    for (std::int64_t e = begin; e < end; ++e) out[e] = normals[static_cast<std::uint64_t>(e)];
  });
}

void cpu_transformer_ops::x0_renoise(const x0_renoise_params& p, stream, workspace) {
  const float keep = 1.0F - p.sigma_next;
  for_elements(pool_, p.x_t.elements(), [&](std::int64_t begin, std::int64_t end) {
    const float* x_t = floats(p.x_t);
    const float* flow = floats(p.flow);
    const float* eps = floats(p.eps);
    float* x0 = floats(p.x0);
    float* x_next = floats(p.x_next);
    normal_reader normals(p.numbers);
    for (std::int64_t e = begin; e < end; ++e) {
      const float clean = std::fma(-p.sigma, flow[e], x_t[e]);
      if (x0 != nullptr) x0[e] = clean;
      if (x_next == nullptr) continue;
      const float noise = eps != nullptr ? eps[e] : normals[static_cast<std::uint64_t>(e)];
      x_next[e] = keep * clean + p.sigma_next * noise;
    }
  });
}

}  // namespace ops::cpu
