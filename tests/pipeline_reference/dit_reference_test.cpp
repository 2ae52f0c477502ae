// The transformer's forward once more, written from its formulas in double, a value at a time, over
// the unmerged weights: shares nothing with the model but the weights.
#include <doctest/doctest.h>

#include <cmath>
#include <functional>
#include <string>
#include <vector>

#include "pipeline_reference/longlive/golden_difference.hpp"
#include "tests/pipeline_reference/tiny_model.hpp"

namespace {

using vec = std::vector<double>;
using rows = std::vector<vec>;  // one per token

struct naive_dit {
  longlive::dit_config c;
  checkpoint::random_weights source{1};

  [[nodiscard]] vec weights(const std::string& name, std::vector<std::int64_t> shape) const {
    std::int64_t elements = 1;
    for (const std::int64_t n : shape) elements *= n;
    std::vector<float> values(static_cast<std::size_t>(elements));
    source.read(name, shape, values);
    return {values.begin(), values.end()};
  }
  [[nodiscard]] vec gain(const std::string& name) const { return weights(name, {c.dim}); }

  [[nodiscard]] vec linear(const std::string& name, const vec& x, std::int64_t out) const {
    const auto in = static_cast<std::int64_t>(x.size());
    const vec w = weights(name + ".weight", {out, in}), b = weights(name + ".bias", {out});
    vec y = b;
    for (std::size_t o = 0; o < y.size(); ++o)
      for (std::size_t i = 0; i < x.size(); ++i) y[o] += w[o * x.size() + i] * x[i];
    return y;
  }
  static vec map(vec x, const std::function<double(double)>& f) {
    for (double& v : x) v = f(v);
    return x;
  }
  static double silu(double x) { return x / (1 + std::exp(-x)); }
  static double gelu(double x) {
    return 0.5 * x *
           (1 + std::tanh(std::sqrt(2 / 3.14159265358979323846) * (x + 0.044715 * x * x * x)));
  }
  static vec rms(vec x, const vec& g) {
    double squares = 0;
    for (const double v : x) squares += v * v / double(x.size());
    for (std::size_t i = 0; i < x.size(); ++i) x[i] *= g[i] / std::sqrt(squares + 1e-6);
    return x;
  }
  // LayerNorm, then * a + b.
  static vec norm(const vec& x, const vec& a, const vec& b) {
    double mean = 0, variance = 0;
    for (const double v : x) mean += v / double(x.size());
    for (const double v : x) variance += (v - mean) * (v - mean) / double(x.size());
    vec y(x.size());
    for (std::size_t i = 0; i < x.size(); ++i)
      y[i] = (x[i] - mean) / std::sqrt(variance + 1e-6) * a[i] + b[i];
    return y;
  }
  [[nodiscard]] vec attend(const vec& q, const rows& k, const rows& v) const {
    const auto d = static_cast<std::size_t>(c.head_dim());
    vec out(q.size());
    for (std::size_t head = 0; head < q.size(); head += d) {
      vec weight;
      double total = 0;
      for (const vec& key : k) {
        double score = 0;
        for (std::size_t i = head; i < head + d; ++i) score += q[i] * key[i];
        weight.push_back(std::exp(score / std::sqrt(double(d))));
        total += weight.back();
      }
      for (std::size_t j = 0; j < v.size(); ++j)
        for (std::size_t i = head; i < head + d; ++i) out[i] += weight[j] / total * v[j][i];
    }
    return out;
  }
  void rotate(vec& x, std::int64_t t, std::int64_t row, std::int64_t column) const {
    const std::int64_t d = c.head_dim(), spatial = d / 2 / 3, temporal = d / 2 - 2 * spatial;
    for (std::int64_t i = 0; i < c.dim; i += 2) {
      const std::int64_t pair = i % d / 2;
      const bool is_time = pair < temporal, is_row = pair < temporal + spatial;
      const std::int64_t position = is_time ? t : is_row ? row : column;
      const std::int64_t index = is_time  ? pair
                                 : is_row ? pair - temporal
                                          : pair - temporal - spatial;
      const double angle = double(position) *
                           std::pow(10000.0, -double(index) / double(is_time ? temporal : spatial));
      const auto at = static_cast<std::size_t>(i);
      const double a = x[at], b = x[at + 1];
      x[at] = a * std::cos(angle) - b * std::sin(angle);
      x[at + 1] = a * std::sin(angle) + b * std::cos(angle);
    }
  }
  // Part `index` of a [parts, dim] table, plus the same part (or the whole) of `per_timestep`.
  [[nodiscard]] vec modulation(const vec& table, const vec& per_timestep, std::size_t index) const {
    const auto n = static_cast<std::size_t>(c.dim);
    vec out(n);
    for (std::size_t i = 0; i < n; ++i)
      out[i] = table[index * n + i] + per_timestep[per_timestep.size() > n ? index * n + i : i];
    return out;
  }

  // Flow of the latent frames [start, ...) of a clip, with past keys and values per layer and their
  // own appended to them.
  [[nodiscard]] vec forward(const std::vector<float>& latent, std::int64_t start, double timestep,
                            const rows& prompt, std::vector<rows>& keys,
                            std::vector<rows>& values) const {
    const std::int64_t ph = c.patch_rows(), pw = c.patch_columns(), H = c.latent_height,
                       W = c.latent_width;
    const std::int64_t frames =
        static_cast<std::int64_t>(latent.size()) / c.latent_frame_elements();
    const auto pixel = [&](std::int64_t f, std::int64_t ch, std::int64_t y, std::int64_t x) {
      return static_cast<std::size_t>(((f * c.channels + ch) * H + y) * W + x);
    };
    vec wave;
    for (std::int64_t i = 0; i < c.freq_dim; ++i) {
      const double angle =
          timestep * std::pow(10000.0, -double(i % (c.freq_dim / 2)) / double(c.freq_dim / 2));
      wave.push_back(i < c.freq_dim / 2 ? std::cos(angle) : std::sin(angle));
    }
    const vec e =
        linear("time_embedding.2", map(linear("time_embedding.0", wave, c.dim), silu), c.dim);
    const vec e0 = linear("time_projection.1", map(e, silu), 6 * c.dim);
    rows context;
    for (const vec& row : prompt)
      context.push_back(
          linear("text_embedding.2", map(linear("text_embedding.0", row, c.dim), gelu), c.dim));

    rows x;
    const vec patch_weight = weights("patch_embedding.weight", {c.dim, c.channels, 1, 2, 2});
    const vec patch_bias = gain("patch_embedding.bias");
    for (std::int64_t f = 0; f < frames; ++f)
      for (std::int64_t i = 0; i < ph; ++i)
        for (std::int64_t j = 0; j < pw; ++j) {
          vec token = patch_bias;
          for (std::size_t o = 0; o < token.size(); ++o)
            for (std::int64_t ch = 0; ch < c.channels; ++ch)
              for (std::int64_t dy = 0; dy < 2; ++dy)
                for (std::int64_t dx = 0; dx < 2; ++dx)
                  token[o] += patch_weight[static_cast<std::size_t>(
                                  ((std::int64_t(o) * c.channels + ch) * 2 + dy) * 2 + dx)] *
                              latent[pixel(f, ch, 2 * i + dy, 2 * j + dx)];
          x.push_back(token);
        }

    const vec zero(static_cast<std::size_t>(c.dim));
    const auto plus_one = [](vec v) { return map(std::move(v), [](double s) { return s + 1; }); };
    const auto add = [](vec& to, const vec& y, const vec* gate) {
      for (std::size_t i = 0; i < to.size(); ++i)
        to[i] += y[i] * (gate != nullptr ? (*gate)[i] : 1.0);
    };
    for (std::int64_t layer = 0; layer < c.layers; ++layer) {
      const std::string block = "blocks." + std::to_string(layer) + ".";
      const vec table = weights(block + "modulation", {1, 6, c.dim});
      std::vector<vec> m;
      for (std::size_t i = 0; i < 6; ++i) m.push_back(modulation(table, e0, i));
      rows queries;
      rows &k = keys[static_cast<std::size_t>(layer)], &v = values[static_cast<std::size_t>(layer)];
      for (std::size_t token = 0; token < x.size(); ++token) {
        const auto place = static_cast<std::int64_t>(token);
        const vec a = norm(x[token], plus_one(m[1]), m[0]);
        vec q =
            rms(linear(block + "self_attn.q", a, c.dim), gain(block + "self_attn.norm_q.weight"));
        vec key =
            rms(linear(block + "self_attn.k", a, c.dim), gain(block + "self_attn.norm_k.weight"));
        for (vec* turned : {&q, &key})
          rotate(*turned, start + place / (ph * pw), place / pw % ph, place % pw);
        queries.push_back(q);
        k.push_back(key);
        v.push_back(linear(block + "self_attn.v", a, c.dim));
      }
      rows cross_k, cross_v;
      for (const vec& row : context) {
        cross_k.push_back(rms(linear(block + "cross_attn.k", row, c.dim),
                              gain(block + "cross_attn.norm_k.weight")));
        cross_v.push_back(linear(block + "cross_attn.v", row, c.dim));
      }
      for (std::size_t token = 0; token < x.size(); ++token) {
        add(x[token], linear(block + "self_attn.o", attend(queries[token], k, v), c.dim), &m[2]);
        const vec z = norm(x[token], gain(block + "norm3.weight"), gain(block + "norm3.bias"));
        const vec q =
            rms(linear(block + "cross_attn.q", z, c.dim), gain(block + "cross_attn.norm_q.weight"));
        add(x[token], linear(block + "cross_attn.o", attend(q, cross_k, cross_v), c.dim), nullptr);
        const vec h = norm(x[token], plus_one(m[4]), m[3]);
        add(x[token],
            linear(block + "ffn.2", map(linear(block + "ffn.0", h, c.ffn_dim), gelu), c.dim),
            &m[5]);
      }
    }
    const vec head = weights("head.modulation", {1, 2, c.dim});
    vec flow(latent.size());
    for (std::size_t token = 0; token < x.size(); ++token) {
      const vec o = linear("head.head",
                           norm(x[token], plus_one(modulation(head, e, 1)), modulation(head, e, 0)),
                           c.patch_features());
      const auto place = static_cast<std::int64_t>(token);
      for (std::int64_t k = 0; k < c.patch_features(); ++k)
        flow[pixel(place / (ph * pw), k % c.channels, 2 * (place / pw % ph) + k / c.channels / 2,
                   2 * (place % pw) + k / c.channels % 2)] = o[static_cast<std::size_t>(k)];
    }
    return flow;
  }
};

std::vector<float> random_latent(std::int64_t elements, std::uint32_t sequence) {
  std::vector<float> out;
  for (std::int64_t i = 0; i < elements; ++i)
    out.push_back(ops::random_normals(9, sequence, static_cast<std::uint64_t>(i))[0]);
  return out;
}

}  // namespace

TEST_CASE(
    "causal_dit: equals a forward written from the formulas in double, with and without a past") {
  for (const std::int64_t heads : {1, 2, 4}) {
    longlive::dit_config c = longlive_tests::tiny_dit();
    c.heads = heads;  // head sizes 24, 12 and 6
    c.latent_height = 6;
    c.latent_width = 10;  // an odd patch grid
    longlive::generation_config g = longlive_tests::tiny_generation();
    g.latent_frames_per_block = 2;
    ops::cpu::cpu_backend backend(2);
    ops::memory& memory = backend.memory();
    longlive::causal_dit dit(c, longlive::dit_options(g, false), checkpoint::random_weights(1),
                             memory, backend.transformer());
    longlive::kv_cache kv(c, g, longlive::kv_policy::ring, memory, ops::dtype::f32);
    longlive::cross_attention_cache cross(c, memory, ops::dtype::f32);

    const std::vector<float> prompt = longlive_tests::tiny_prompts(c, 1)[0].rows;
    rows prompt_rows;
    for (auto at = prompt.begin(); at != prompt.end(); at += c.text_dim)
      prompt_rows.emplace_back(at, at + c.text_dim);
    const ops::buffer context(memory, ops::dtype::f32, {c.text_len, c.dim});
    dit.embed_prompt({prompt.data(), ops::dtype::f32, {c.text_len, c.text_dim}}, context.view(),
                     {});

    const naive_dit naive{c};
    std::vector<rows> keys(static_cast<std::size_t>(c.layers)), values(keys);
    const ops::shape shape{1, 2, c.channels, c.latent_height, c.latent_width};
    const ops::buffer flow(memory, ops::dtype::f32,
                           {2, c.channels, c.latent_height, c.latent_width});
    for (const std::int64_t start : {0, 2}) {
      const std::vector<float> latent =
          random_latent(shape.elements(), static_cast<std::uint32_t>(start));
      kv.begin({start, 2, false}, {});
      dit.forward({{{latent.data(), ops::dtype::f32, shape}, 0, 2},
                   1000.0F,
                   context.view(),
                   flow.view(),
                   {}},
                  kv, cross, {});
      kv.commit();
      const vec expected = naive.forward(latent, start, 1000.0, prompt_rows, keys, values);
      CHECK(longlive::difference_of("", {flow.view().as<float>(), latent.size()},
                                    std::vector<float>(expected.begin(), expected.end()))
                .relative_l2 < 2e-6);
    }
    CHECK_THROWS_WITH(dit.forward({{{prompt.data(), ops::dtype::f32, shape}, 0, 2},
                                   7.0F,
                                   context.view(),
                                   flow.view(),
                                   {}},
                                  kv, cross, {}),
                      "timestep: 7.000000 was not prepared");
  }
}

TEST_CASE("causal_dit: activations stay finite through many layers of random weights") {
  longlive::dit_config c = longlive_tests::tiny_dit();
  c.layers = 60;
  longlive::generation_config g = longlive_tests::tiny_generation();
  longlive_tests::tiny_clip clip;
  longlive::generation_observer observer;
  clip = longlive_tests::generate(c, g, longlive::kv_policy::ring, observer);
  double highest = 0;
  for (const float x : clip.latents)
    highest = std::isfinite(x) ? std::max(highest, std::abs(double{x})) : INFINITY;
  CHECK(highest < 100);
  CHECK(highest > 0.5);
}
