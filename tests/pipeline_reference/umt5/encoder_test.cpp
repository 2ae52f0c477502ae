// The text encoder against the published one, and against the same formulas written in double, a
// value at a time: the second shares nothing with the encoder but the weights.
#include "pipeline_reference/umt5/encoder.hpp"

#include <doctest/doctest.h>
#include <rapidcheck.h>

#include <cmath>
#include <fstream>
#include <limits>
#include <map>
#include <nlohmann/json.hpp>
#include <random>
#include <string>
#include <vector>

#include "pipeline_reference/checkpoint/file_weights.hpp"
#include "pipeline_reference/longlive/golden_umt5_encoder.hpp"
#include "pipeline_reference/ops/cpu/cpu_backend.hpp"
#include "tests/pipeline_reference/source_dir.hpp"

using umt5::encoder_config;

namespace {

using vec = std::vector<double>;
using rows = std::vector<vec>;  // one per token
using token_ids = std::vector<std::int32_t>;

constexpr std::uint64_t seed = 3;

class naive_encoder {
 public:
  // Moves every weight by the share `weight_error` of itself, up or down as `toss` has it.
  explicit naive_encoder(const encoder_config& config, double weight_error = 0, unsigned toss = 0)
      : c(config), weight_error_(weight_error), coin_(toss) {}

  // Encodes `ids`, of which those from `tokens` on are padding: the others pay them no attention,
  // because their scores are replaced by the most negative number there is in fp32.
  rows encode(const token_ids& ids, std::size_t tokens) {
    rows x;
    const vec table = weights("token_embedding.weight", {c.vocabulary_size, c.dim});
    const auto dim = static_cast<std::size_t>(c.dim);
    for (const std::int32_t id : ids) {
      const auto first = table.begin() + id * c.dim;
      x.emplace_back(first, first + c.dim);
    }
    for (std::int64_t layer = 0; layer < c.layers; ++layer) {
      const std::string block = "blocks." + std::to_string(layer) + ".";
      rows q, k, v;
      for (const vec& row : x) {
        const vec n = norm(row, block + "norm1.weight");
        q.push_back(linear(n, block + "attn.q.weight", c.attention_dim));
        k.push_back(linear(n, block + "attn.k.weight", c.attention_dim));
        v.push_back(linear(n, block + "attn.v.weight", c.attention_dim));
      }
      for (std::size_t i = 0; i < x.size(); ++i) {
        const vec attended = attend(i, q, k, v, tokens, block);
        add(x[i], linear(attended, block + "attn.o.weight", c.dim));
        const vec n = norm(x[i], block + "norm2.weight");
        vec hidden = linear(n, block + "ffn.fc1.weight", c.ffn_dim);
        const vec gate = linear(n, block + "ffn.gate.0.weight", c.ffn_dim);
        for (std::size_t j = 0; j < hidden.size(); ++j) hidden[j] *= gelu(gate[j]);
        add(x[i], linear(hidden, block + "ffn.fc2.weight", c.dim));
      }
    }
    for (std::size_t i = 0; i < x.size(); ++i)
      x[i] = i < tokens ? norm(x[i], "norm.weight") : vec(dim);
    return x;
  }

 private:
  static double gelu(double x) {
    return 0.5 * x *
           (1 + std::tanh(std::sqrt(2 / 3.14159265358979323846) * (x + 0.044715 * x * x * x)));
  }
  static void add(vec& to, const vec& y) {
    for (std::size_t i = 0; i < to.size(); ++i) to[i] += y[i];
  }
  const vec& weights(const std::string& name, const std::vector<std::int64_t>& shape) {
    vec& kept = weights_[name];
    if (!kept.empty()) return kept;
    std::int64_t elements = 1;
    for (const std::int64_t n : shape) elements *= n;
    std::vector<float> values(static_cast<std::size_t>(elements));
    checkpoint::random_weights(seed).read(name, shape, values);
    kept.assign(values.begin(), values.end());
    for (double& value : kept) value *= 1 + (coin_() % 2 == 0 ? weight_error_ : -weight_error_);
    return kept;
  }
  vec norm(vec x, const std::string& name) {
    const vec& gain = weights(name, {c.dim});
    double squares = 0;
    for (const double value : x) squares += value * value / double(x.size());
    for (std::size_t i = 0; i < x.size(); ++i) x[i] *= gain[i] / std::sqrt(squares + 1e-6);
    return x;
  }
  vec linear(const vec& x, const std::string& name, std::int64_t out) {
    const vec& w = weights(name, {out, static_cast<std::int64_t>(x.size())});
    vec y(static_cast<std::size_t>(out));
    for (std::size_t o = 0; o < y.size(); ++o)
      for (std::size_t i = 0; i < x.size(); ++i) y[o] += w[o * x.size() + i] * x[i];
    return y;
  }
  // The published rule, from its formula.
  std::int64_t bucket(std::int64_t key, std::int64_t query) const {
    const std::int64_t half = c.buckets / 2, exact = half / 2, away = std::abs(key - query);
    std::int64_t inside = away;
    if (away >= exact) {
      const double growth =
          std::log(double(away) / double(exact)) / std::log(128.0 / double(exact));
      inside = std::min(half - 1, exact + std::int64_t(growth * double(half - exact) + 1e-6));
    }
    return inside + (key > query ? half : 0);
  }
  vec attend(std::size_t query, const rows& q, const rows& k, const rows& v, std::size_t tokens,
             const std::string& block) {
    const vec& table = weights(block + "pos_embedding.embedding.weight", {c.buckets, c.heads});
    const auto d = static_cast<std::size_t>(c.head_dim());
    vec out(static_cast<std::size_t>(c.attention_dim));
    for (std::size_t head = 0; head * d < out.size(); ++head) {
      vec scores;
      double highest = -INFINITY, total = 0;
      for (std::size_t j = 0; j < k.size(); ++j) {
        double score = table[static_cast<std::size_t>(
            bucket(std::int64_t(j), std::int64_t(query)) * c.heads + std::int64_t(head))];
        for (std::size_t i = head * d; i < (head + 1) * d; ++i) score += q[query][i] * k[j][i];
        if (j >= tokens) score = double{std::numeric_limits<float>::lowest()};
        scores.push_back(score);
        highest = std::max(highest, score);
      }
      for (double& score : scores) total += score = std::exp(score - highest);
      for (std::size_t j = 0; j < k.size(); ++j)
        for (std::size_t i = head * d; i < (head + 1) * d; ++i)
          out[i] += scores[j] / total * v[j][i];
    }
    return out;
  }

  encoder_config c;
  double weight_error_;
  std::mt19937 coin_;
  std::map<std::string, vec> weights_;
};

// What the encoder makes of the ids, [text_len, dim], into memory that held something else.
std::vector<float> encoded(const encoder_config& c, const token_ids& ids) {
  ops::cpu::cpu_backend backend(2);
  umt5::encoder encoder(c, std::make_unique<checkpoint::random_weights>(seed), backend.memory(),
                        backend.transformer());
  std::vector<float> out(static_cast<std::size_t>(c.text_len * c.dim), NAN);
  encoder.encode(ids, {out.data(), ops::dtype::f32, {c.text_len, c.dim}}, {});
  return out;
}

std::vector<float> flat(const rows& x) {
  std::vector<float> values;
  for (const vec& row : x) values.insert(values.end(), row.begin(), row.end());
  return values;
}

double relative_l2(const std::vector<float>& found, const rows& expected) {
  return longlive::difference_of("", found, flat(expected)).relative_l2;
}

token_ids random_ids(const encoder_config& c, std::int64_t count) {
  token_ids ids;
  for (std::int64_t i = 0; i < count; ++i)
    ids.push_back(*rc::gen::inRange<std::int32_t>(0, static_cast<std::int32_t>(c.vocabulary_size)));
  return ids;
}

encoder_config random_config() {
  encoder_config c;
  c.vocabulary_size = *rc::gen::inRange(1, 40);
  c.dim = *rc::gen::inRange(1, 30);
  c.heads = *rc::gen::inRange(1, 5);
  c.attention_dim = c.heads * *rc::gen::inRange(1, 9);  // head sizes that are odd, too
  c.ffn_dim = *rc::gen::inRange(1, 40);
  c.layers = *rc::gen::inRange(1, 4);
  c.buckets = 2 * *rc::gen::inRange(2, 20);
  c.text_len = *rc::gen::inRange(1, 30);
  return c;
}

nlohmann::json golden_json(const std::string& folder) {
  std::ifstream in(folder + "/case.json");
  return nlohmann::json::parse(in);
}

std::string message_of(const std::function<void()>& call) {
  try {
    call();
  } catch (const latency::error& e) {
    return e.what();
  }
  return "accepted";
}

}  // namespace

TEST_CASE("umt5 encoder: reproduces the published encoder, at every length") {
  const std::string folder = longlive_tests::source_dir() + "/tests/data/longlive/umt5_encoder";
  ops::cpu::cpu_backend backend(2);
  const longlive::golden_result result = longlive::compare_golden_umt5_encoder(
      folder, golden_json(folder), backend.transformer(), backend.memory());
  CHECK(result.mismatches.empty());
  CHECK(result.not_compared.empty());
  REQUIRE(result.differences.size() == 3);
  for (const longlive::golden_difference& difference : result.differences) {
    MESSAGE(difference.tensor << ": relative L2 " << difference.relative_l2);
    CHECK(difference.relative_l2 < 1e-5);
  }
}

TEST_CASE("umt5 encoder: equals the formulas in double, padded with masked tokens, at any size") {
  CHECK(rc::check([] {
    const encoder_config c = random_config();
    const std::int64_t tokens = *rc::gen::inRange<std::int64_t>(1, c.text_len + 1);
    token_ids ids = random_ids(c, tokens);
    const std::vector<float> found = encoded(c, ids);
    const auto padding = random_ids(c, c.text_len - tokens);  // whatever stands there
    ids.insert(ids.end(), padding.begin(), padding.end());
    // Where terms of a narrow row nearly cancel, its norm magnifies every rounding before it. How
    // much it does shows in the formulas themselves, when rounding errors are put on the weights.
    const auto count = static_cast<std::size_t>(tokens);
    const rows expected = naive_encoder(c).encode(ids, count);
    double bound = 1e-5;
    for (unsigned toss = 1; toss <= 3; ++toss)
      bound += relative_l2(flat(naive_encoder(c, 1e-6, toss).encode(ids, count)), expected);
    RC_ASSERT(relative_l2(found, expected) < bound);
    for (std::size_t i = static_cast<std::size_t>(tokens * c.dim); i < found.size(); ++i)
      RC_ASSERT(found[i] == 0.0F);
  }));
}

TEST_CASE(
    "umt5 encoder: keys farther than the last bucket's start, and results of one length "
    "after another") {
  encoder_config c{11, 6, 8, 2, 10, 2, 32, 150};
  token_ids ids;
  for (std::int32_t i = 0; i < 150; ++i) ids.push_back(i * 7 % 11);
  CHECK(relative_l2(encoded(c, ids), naive_encoder(c).encode(ids, ids.size())) < 1e-5);

  ops::cpu::cpu_backend backend(2);
  umt5::encoder encoder(c, std::make_unique<checkpoint::random_weights>(seed), backend.memory(),
                        backend.transformer());
  std::vector<float> out(static_cast<std::size_t>(c.text_len * c.dim), NAN);
  for (const std::size_t tokens : {150, 3, 70, 1}) {
    ids.resize(tokens);
    encoder.encode(ids, {out.data(), ops::dtype::f32, {c.text_len, c.dim}}, {});
    CHECK(out == encoded(c, ids));
    ids.resize(150, 5);
  }
}

TEST_CASE("umt5 encoder: the published sizes give the published parameter and tensor counts") {
  CHECK(umt5::parameter_count({}) == 5'680'910'336);
  CHECK(umt5::encoder_tensors({}).size() == 242);
}

TEST_CASE("umt5 encoder: matrices stay in the bf16 of their file, fp32 ones in fp32") {
  const std::string folder = longlive_tests::source_dir() + "/tests/data/longlive/umt5_encoder";
  const encoder_config c{256, 64, 64, 4, 160, 3, 32, 48};
  ops::cpu::cpu_backend backend(1);
  const auto type_of = [&](const checkpoint::weight_source& source) {
    const umt5::encoder_weights w =
        umt5::load_encoder_weights(c, source, backend.memory(), backend.transformer());
    for (const umt5::encoder_layer_weights& layer : w.layers) {
      CHECK(layer.norm1.view().type == ops::dtype::f32);
      for (const ops::buffer* matrix : {&layer.o, &layer.gate_fc1, &layer.fc2})
        CHECK(matrix->view().type == layer.qkv.view().type);
    }
    return w.layers.at(0).qkv.view().type;
  };
  CHECK(type_of(checkpoint::file_weights(
            checkpoint::tensor_file::open(folder + "/weights.safetensors"))) == ops::dtype::bf16);
  CHECK(type_of(checkpoint::random_weights(1)) == ops::dtype::f32);
}

TEST_CASE("umt5 encoder: impossible sizes and ids are refused with one line") {
  const auto refusal = [](std::int64_t encoder_config::*size, std::int64_t value) {
    encoder_config c{8, 4, 4, 2, 4, 1, 32, 4};
    c.*size = value;
    return message_of([&] { c.validate(); });
  };
  CHECK(refusal(&encoder_config::heads, 2) == "accepted");
  CHECK(refusal(&encoder_config::heads, 3) == "dim_attn: 4 is not divisible by 3 heads");
  CHECK(refusal(&encoder_config::buckets, 7) ==
        "num_buckets: must be even (keys before and after), is 7");
  CHECK(refusal(&encoder_config::buckets, 2) == "num_buckets: must be between 4 and 256, is 2");
  CHECK(refusal(&encoder_config::layers, 0) == "num_layers: must be between 1 and 256, is 0");
  CHECK(refusal(&encoder_config::vocabulary_size, std::int64_t{1} << 62) ==
        "vocab: must be between 1 and 4194304, is 4611686018427387904");

  const encoder_config c{8, 4, 4, 2, 4, 1, 32, 4};
  CHECK(message_of([&] { encoded(c, {}); }) == "text encoder: expected 1 to 4 tokens, found 0");
  CHECK(message_of([&] {
          encoded(c, {1, 1, 1, 1, 1});
        }) == "text encoder: expected 1 to 4 tokens, found 5");
  CHECK(message_of([&] {
          encoded(c, {1, 8});
        }) == "text encoder: token id 8 lies outside the vocabulary of 8");
  CHECK(message_of([&] { encoded(c, {-1}); }) ==
        "text encoder: token id -1 lies outside the vocabulary of 8");
}

TEST_CASE("golden umt5_encoder: an impossible case is refused, a wrong length is a mismatch") {
  const std::string folder = longlive_tests::source_dir() + "/tests/data/longlive/umt5_encoder";
  ops::cpu::cpu_backend backend(1);
  const nlohmann::json good = golden_json(folder);
  const auto compare = [&](const nlohmann::json& json) {
    return longlive::compare_golden_umt5_encoder(folder, json, backend.transformer(),
                                                 backend.memory());
  };
  const auto refusal = [&](const char* pointer, const nlohmann::json& value) {
    nlohmann::json bad = good;
    bad[nlohmann::json::json_pointer(pointer)] = value;
    return message_of([&] { compare(bad); });
  };
  CHECK(refusal("/config/dim_ffn", 1.5) ==
        folder + "/case.json: dim_ffn: expected a whole number, found a fraction");
  CHECK(refusal("/config/num_heads", 5) ==
        folder + "/case.json: dim_attn: 64 is not divisible by 5 heads");
  CHECK(refusal("/config/lens", nlohmann::json::array()) ==
        folder + "/case.json: lens: names no text to compare");
  CHECK(refusal("/config/lens", "long").find(folder + "/case.json: ") == 0);
  CHECK(refusal("/config/text_len", 47) ==
        folder + "/tensors.safetensors: ids.0: expected shape [47], found [48]");
  CHECK(refusal("/config/lens", {48, 10, 1, 5}).find("ids.3") != std::string::npos);
  nlohmann::json other = good;
  other["config"]["lens"] = {48, 11, 1};
  CHECK(compare(other).mismatches ==
        std::vector<std::string>{"mask.1: expected 11 tokens, found 10"});
}
