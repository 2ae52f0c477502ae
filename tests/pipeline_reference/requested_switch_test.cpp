// Prompts that are requested while a clip is generated, from other threads.

#include <doctest/doctest.h>

#include <algorithm>
#include <atomic>
#include <functional>
#include <map>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "latency/error.hpp"
#include "latency/session.hpp"
#include "pipeline_reference/longlive/prompt_requests.hpp"
#include "tests/pipeline_reference/message_of.hpp"
#include "tests/pipeline_reference/tiny_model.hpp"

using longlive::prompt_requests;
using longlive::request_answer;

namespace {

longlive::generation_config requested_generation() {
  longlive::generation_config g = longlive_tests::tiny_generation();
  g.takes_requests = true;
  return g;
}

// Runs `during` inside a block, and keeps what took effect.
struct listener final : longlive::generation_observer {
  std::function<void(std::int64_t block)> during = [](std::int64_t) {};
  std::vector<longlive::switch_info> switches;
  std::vector<std::string> taken;
  std::vector<std::pair<std::int64_t, longlive::prompt_request>> open;
  std::int64_t stop_at_block = -1, block = -1;

  bool stop_requested() override { return block + 1 == stop_at_block; }
  void block_started(const longlive::block_info& b) override {
    block = b.index;
    during(b.index);
  }
  void request_taken(std::int64_t segment, std::int64_t,
                     longlive::prompt_request request) override {
    taken.push_back(request.text);
    open.emplace_back(segment, std::move(request));
  }
  void switch_finished(const longlive::switch_info& s, duration) override { switches.push_back(s); }
};

// "1" is the prompt of index 1 in tiny_prompts().
struct requested_run {
  explicit requested_run(longlive::generation_config config = requested_generation()) : g(config) {}

  longlive::generation_config g;
  longlive::dit_config c = longlive_tests::tiny_dit();
  ops::cpu::cpu_backend backend{2}, beside{1};
  longlive::causal_dit dit{c, longlive::dit_options(g, false), checkpoint::random_weights(1),
                           backend.memory(), backend.transformer()};
  longlive::interactive_pipeline pipeline{dit, g, longlive::kv_policy::ring, backend.memory(),
                                          backend.transformer()};
  std::vector<longlive::prompt_embedding> embeddings = longlive_tests::tiny_prompts(c, 9);
  std::atomic<int> encodings{0};
  prompt_requests requests{[this](const std::string& text, const ops::tensor& out) {
                             ++encodings;
                             if (text == "bad") throw latency::error("no such prompt");
                             const auto& one = embeddings.at(std::stoul(text));
                             ops::upload_floats(beside.memory(), out, one.rows);
                             return longlive::written_prompt{one.token_count, std::nullopt};
                           },
                           ops::buffer(beside.memory(), ops::dtype::f32, {c.text_len, c.text_dim}),
                           "interactive_text_encoding"};

  // From another thread, as users do; waits for the answer.
  request_answer request(const std::string& text) {
    request_answer answer{};
    std::thread([&] { answer = requests.request(text); }).join();
    return answer;
  }
  std::int64_t run(listener& observer) {
    longlive::first_prompt first(requests, "0", backend.memory());
    longlive::clip_inputs inputs;
    inputs.prompts = &first;
    inputs.seed = 17;
    inputs.requests = &requests;
    return pipeline.run(inputs, observer);
  }
  [[nodiscard]] std::vector<float> latents() {
    std::vector<float> all(static_cast<std::size_t>(pipeline.latents().elements()));
    ops::download_floats(backend.memory(), pipeline.latents(), all);
    return all;
  }
};

// The same switch, configured.
std::vector<float> configured(std::int64_t latent_frame) {
  longlive::generation_config g = longlive_tests::tiny_generation();
  g.switch_latent_frames = {latent_frame};
  longlive::generation_observer nobody;
  return longlive_tests::generate(longlive_tests::tiny_dit(), g, longlive::kv_policy::ring, nobody)
      .latents;
}

}  // namespace

TEST_CASE(
    "requested switch: one asked for during a block takes effect at the next, and makes what a "
    "configured one makes") {
  for (std::int64_t block = 0; block < 5; ++block) {
    requested_run run;
    listener observer;
    observer.during = [&](std::int64_t now) {
      if (now == block) CHECK(run.request("1") == request_answer::accepted);
    };
    CHECK(run.run(observer) == 18);
    REQUIRE(observer.switches.size() == 1);
    CHECK(observer.switches[0].block == block + 1);
    CHECK(observer.switches[0].segment == 1);
    CHECK(observer.switches[0].latent_frame == 3 * (block + 1));
    CHECK(observer.switches[0].requested_latent_frame == 3 * (block + 1));
    CHECK(run.latents() == configured(3 * (block + 1)));
    CHECK(run.requests.counts().taken == 1);
  }
}

TEST_CASE("requested switch: of several before a boundary the last takes effect, others count") {
  requested_run run;
  listener observer;
  observer.during = [&](std::int64_t now) {
    if (now != 1) return;
    CHECK(run.request("3") == request_answer::accepted);
    CHECK(run.request("2") == request_answer::replaced);
    CHECK(run.request("1") == request_answer::replaced);
  };
  run.run(observer);
  CHECK(observer.taken == std::vector<std::string>{"1"});
  CHECK(run.latents() == configured(6));
  const longlive::request_counts counts = run.requests.counts();
  CHECK(counts.requested == 3);
  CHECK(counts.taken == 1);
  CHECK(counts.replaced == 2);
  CHECK(counts.too_late == 0);
}

TEST_CASE("requested switch: what no boundary can take any more is refused") {
  requested_run run;
  listener observer;
  observer.during = [&](std::int64_t now) {
    if (now == 5) CHECK(run.request("1") == request_answer::too_late);  // the last block
  };
  run.run(observer);
  CHECK(run.request("1") == request_answer::too_late);
  CHECK(observer.switches.empty());
  CHECK(run.requests.counts().too_late == 2);

  // A clip that is stopped takes no more either, nor what was asked for before it stopped.
  listener stopped;
  stopped.stop_at_block = 2;
  stopped.during = [&](std::int64_t now) {
    if (now == 1) CHECK(run.request("1") == request_answer::accepted);
  };
  CHECK(run.run(stopped) == 6);
  CHECK(stopped.switches.empty());
  CHECK(run.requests.counts().too_late == 3);
}

TEST_CASE("requested switch: one before the clip takes effect at its start") {
  requested_run run;
  listener observer;
  CHECK(run.request("1") == request_answer::accepted);
  while (run.encodings == 0) std::this_thread::yield();
  run.run(observer);
  REQUIRE(observer.switches.size() == 1);
  CHECK(run.encodings == 3);  // the first prompt's took its place
  CHECK(observer.switches[0].block == 0);
  CHECK(observer.switches[0].recached_latent_frames == 0);
  CHECK(run.latents() == configured(0));
}

TEST_CASE("requested switch: each is a segment of its own, with rows and a span until it is seen") {
  latency::session session;
  requested_run run;
  listener observer;
  observer.during = [&](std::int64_t now) {
    if (now == 1 || now == 3) run.request("1");
  };
  run.run(observer);
  observer.open.clear();  // seen now
  const latency::recording r = session.stop();
  REQUIRE(r.switches.size() == 2);
  std::map<std::string, int> spans;
  for (const latency::span& s : r.spans) ++spans[r.name_of(s)];
  CHECK(spans["interactive_text_encoding"] == 2 + 2);  // one, on both threads; then two beside
  CHECK(spans["prompt_switch_text_wait"] == 2);
  CHECK(spans["prompt_switch_recache"] == 2);
  REQUIRE(r.async_spans.size() == 2);
  for (std::size_t i = 0; i < 2; ++i) {
    CHECK(r.switches[i].segment == static_cast<std::int32_t>(i) + 1);
    CHECK(r.strings[r.async_spans[i].name] == "prompt_request");
    // Both start where the prompt was asked for.
    CHECK(r.async_spans[i].start_ns <= r.switches[i].request_ns + 1'000'000);
    CHECK(r.async_spans[i].end_ns >= r.switches[i].request_ns);
  }
}

TEST_CASE("requested switch: what the encoder throws ends the clip, and the next one is sound") {
  requested_run run;
  listener observer;
  observer.during = [&](std::int64_t now) {
    if (now == 1) run.request("bad");
  };
  CHECK(latency_test::message_of([&] { run.run(observer); }) == "no such prompt");
  listener again;
  again.during = [&](std::int64_t now) {
    if (now == 2) CHECK(run.request("1") == request_answer::accepted);
  };
  run.run(again);
  CHECK(again.switches.size() == 1);
  CHECK(run.latents() == configured(9));
}

TEST_CASE("requested switch: any number of threads may ask at any time") {
  requested_run run;
  listener observer;
  std::atomic<bool> done{false};
  std::vector<std::thread> users;
  for (int user = 0; user < 3; ++user)
    users.emplace_back([&run, &done, user] {
      while (!done) {
        run.requests.request(std::to_string(user + 1));
        std::this_thread::yield();
      }
    });
  const std::int64_t made = run.run(observer);
  done = true;
  for (std::thread& user : users) user.join();
  CHECK(made == 18);
  const longlive::request_counts counts = run.requests.counts();
  CHECK(counts.taken == static_cast<std::int64_t>(observer.switches.size()));
  CHECK(counts.taken + counts.replaced + counts.too_late == counts.requested);
}

TEST_CASE("requested switch: configured ones do not mix with it") {
  longlive::generation_config g = requested_generation();
  g.switch_latent_frames = {3};
  CHECK_THROWS_WITH_AS(requested_run{g},
                       "switch_frame_indices: prompts are asked for while the clip is generated",
                       latency::error);
}
