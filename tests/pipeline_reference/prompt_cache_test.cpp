#include "pipeline_reference/longlive/prompt_cache.hpp"

#include <doctest/doctest.h>
#include <rapidcheck.h>

#include <algorithm>
#include <string>
#include <vector>

using longlive::prompt_cache;

namespace {

// `bytes` in all, the text included.
void insert(prompt_cache& cache, const std::string& text, std::size_t bytes) {
  cache.insert(text, std::vector<float>((bytes - text.size()) / sizeof(float)));
}

// The same cache as a list that is searched and added up.
struct listed_cache {
  struct entry {
    std::string text;
    std::vector<float> rows;
    [[nodiscard]] std::int64_t bytes() const {
      return static_cast<std::int64_t>(text.size() + rows.size() * sizeof(float));
    }
  };
  std::int64_t most_bytes;
  std::vector<entry> entries;  // most recently used last
  std::int64_t hits = 0, misses = 0, evictions = 0;

  [[nodiscard]] std::int64_t bytes() const {
    std::int64_t sum = 0;
    for (const entry& e : entries) sum += e.bytes();
    return sum;
  }
  const std::vector<float>* find(const std::string& text) {
    const auto found = std::find_if(entries.begin(), entries.end(),
                                    [&](const entry& e) { return e.text == text; });
    if (found == entries.end()) {
      ++misses;
      return nullptr;
    }
    ++hits;
    std::rotate(found, found + 1, entries.end());
    return &entries.back().rows;
  }
  void insert(const entry& added) {
    if (added.bytes() > most_bytes) return;
    entries.push_back(added);
    for (; bytes() > most_bytes; ++evictions) entries.erase(entries.begin());
  }
};

}  // namespace

TEST_CASE("prompt_cache: what was used least recently goes first") {
  prompt_cache cache(120);
  for (const char* text : {"a", "b", "c"}) insert(cache, text, 37);  // three fit
  CHECK(cache.find("a") != nullptr);
  insert(cache, "d", 37);  // instead of b
  CHECK(cache.find("b") == nullptr);
  for (const char* text : {"c", "d", "a"}) CHECK(cache.find(text) != nullptr);
  insert(cache, "e", 37);  // instead of c
  CHECK(cache.find("c") == nullptr);
  CHECK(cache.counts().evictions == 2);
  CHECK(cache.counts().hits == 4);
  CHECK(cache.counts().misses == 2);
  CHECK(cache.counts().entries == 3);
}

TEST_CASE("prompt_cache: the limit in bytes holds exactly, and counts texts as well as rows") {
  prompt_cache cache(100);
  insert(cache, "ab", 50);
  insert(cache, "cd", 50);
  CHECK(cache.counts().bytes == 100);
  CHECK(cache.counts().evictions == 0);
  cache.insert("e", {});
  CHECK(cache.counts().bytes == 51);  // one byte more: ab gave way
  CHECK(cache.find("ab") == nullptr);
}

TEST_CASE("prompt_cache: what exceeds the limit alone is not kept, and costs the others nothing") {
  prompt_cache cache(40);
  insert(cache, "ab", 38);
  insert(cache, "cd", 42);
  CHECK(cache.find("cd") == nullptr);
  CHECK(cache.find("ab") != nullptr);
  prompt_cache none(0);
  insert(none, "ab", 38);
  CHECK(none.find("ab") == nullptr);
  CHECK(none.counts().bytes == 0);
}

TEST_CASE("prompt_cache: behaves as a list that is searched, whatever is asked of it") {
  CHECK(rc::check([] {
    const std::int64_t most_bytes = *rc::gen::inRange(0, 200);
    prompt_cache cache(most_bytes);
    listed_cache list{most_bytes, {}};
    for (int i = *rc::gen::inRange(0, 60); i > 0; --i) {
      const std::string text(static_cast<std::size_t>(*rc::gen::inRange(0, 3)),
                             *rc::gen::inRange('a', 'f'));
      const std::vector<float>* found = cache.find(text);
      const std::vector<float>* expected = list.find(text);
      RC_ASSERT((found == nullptr) == (expected == nullptr));
      if (found != nullptr) {
        RC_ASSERT(*found == *expected);
        continue;
      }
      const std::vector<float> rows(static_cast<std::size_t>(*rc::gen::inRange(0, 20)),
                                    static_cast<float>(i));
      cache.insert(text, rows);
      list.insert({text, rows});
      RC_ASSERT(cache.counts().bytes == list.bytes());
      RC_ASSERT(cache.counts().entries == static_cast<std::int64_t>(list.entries.size()));
    }
    RC_ASSERT(cache.counts().hits == list.hits);
    RC_ASSERT(cache.counts().misses == list.misses);
    RC_ASSERT(cache.counts().evictions == list.evictions);
  }));
}
