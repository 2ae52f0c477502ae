#include "latency/json_writer.hpp"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <rapidcheck.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <clocale>
#include <csignal>
#include <cstring>
#include <limits>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "tests/temporary_folder.hpp"

using latency::json_writer;
using latency_test::read_file;
using latency_test::temporary_folder;
using nlohmann::json;

namespace {

// What is written between an opened and a finished file.
template <class Body>
std::string written(const temporary_folder& folder, const Body& body) {
  const std::string path = folder / "out.json";
  json_writer writer(path);
  body(writer);
  writer.finish();
  return read_file(path);
}

// nlohmann's own idea of the same text, with U+FFFD for what is not UTF-8.
json as_repaired(const std::string& text) {
  return json::parse(json(text).dump(-1, ' ', false, json::error_handler_t::replace));
}

}  // namespace

TEST_CASE("json_writer: every kind of value stands where it was written") {
  const temporary_folder folder;
  const std::string text = written(folder, [](json_writer& w) {
    w.begin_object();
    w.key("empty");
    w.begin_array();
    w.end_array();
    w.key("values");
    w.begin_array();
    w.integer(-1);
    w.begin_object();
    w.end_object();
    w.boolean(true);
    w.boolean(false);
    w.null();
    w.string("x");
    w.real(0.5);
    w.end_array();
    w.key("last");
    w.integer(7);
    w.end_object();
  });
  CHECK(text == "{\"empty\":[],\"values\":[-1,{},true,false,null,\"x\",0.5],\"last\":7}\n");
}

TEST_CASE("json_writer: integers keep their extremes, reals stay reals") {
  const temporary_folder folder;
  const std::string text = written(folder, [](json_writer& w) {
    w.begin_array();
    w.integer(std::numeric_limits<std::int64_t>::min());
    w.integer(std::numeric_limits<std::int64_t>::max());
    w.unsigned_integer(std::numeric_limits<std::uint64_t>::max());
    w.real(3.0);
    w.real(-0.0);
    w.real(1e300);
    w.real(std::numeric_limits<double>::denorm_min());
    w.end_array();
  });
  CHECK(text ==
        "[-9223372036854775808,9223372036854775807,18446744073709551615,3.0,-0.0,1e+300,5e-324]\n");
}

TEST_CASE("json_writer: NaN and infinities become null") {
  const temporary_folder folder;
  CHECK(written(folder, [](json_writer& w) {
          w.begin_array();
          w.real(std::numeric_limits<double>::quiet_NaN());
          w.real(std::numeric_limits<double>::infinity());
          w.real(-std::numeric_limits<double>::infinity());
          w.end_array();
        }) == "[null,null,null]\n");
}

TEST_CASE("json_writer: thousandths have exactly three decimals") {
  const temporary_folder folder;
  CHECK(written(folder, [](json_writer& w) {
          w.begin_array();
          w.thousandths(0);
          w.thousandths(5);
          w.thousandths(-5);
          w.thousandths(1230);
          w.thousandths(-987654321);
          w.thousandths(std::numeric_limits<std::int64_t>::min());
          w.end_array();
        }) == "[0.000,0.005,-0.005,1.230,-987654.321,-9223372036854775.808]\n");
}

TEST_CASE("json_writer: quotes, backslashes and control characters are escaped") {
  const temporary_folder folder;
  CHECK(written(folder, [](json_writer& w) {
          w.string(std::string("a\"b\\c\n\r\t\x01\x1f\x7f") + std::string(1, '\0'));
        }) == "\"a\\\"b\\\\c\\n\\r\\t\\u0001\\u001f\x7f\\u0000\"\n");
}

TEST_CASE("json_writer: text that is not UTF-8 becomes U+FFFD once for each broken sequence") {
  const temporary_folder folder;
  const std::vector<std::string> broken = {"\x80",
                                           "a\xC3",
                                           "\xC0\xAF",
                                           "\xE2\x82z",
                                           "\xED\xA0\x80",
                                           "\xF0\x9F\x98",
                                           "\xF4\x90\x80\x80",
                                           "\xE0\x80\x80",
                                           "\xFF\xFE",
                                           "\xF0\x8F\xBF\xBF",
                                           "\xF5\x80\x80\x80"};
  for (const std::string& text : broken) {
    CAPTURE(json(text).dump(-1, ' ', true, json::error_handler_t::replace));
    CHECK(json::parse(written(folder, [&](json_writer& w) { w.string(text); })) ==
          as_repaired(text));
  }
  const std::string valid = "\xC2\x80 \xE2\x82\xAC \xEF\xBF\xBF \xF0\x9F\x98\x80 \xF4\x8F\xBF\xBF";
  CHECK(json::parse(written(folder, [&](json_writer& w) { w.string(valid); })) == valid);
}

TEST_CASE("json_writer: any bytes as key and value read back as nlohmann repairs them") {
  const temporary_folder folder;
  CHECK(rc::check([&](const std::string& text, const std::string& tail) {
    // Bytes at random seldom make long sequences: put whole and cut ones between them.
    const auto wedge = *rc::gen::element<std::string>(
        "\xF0\x9F\x98\x80", "\xF0\x9F\x98", "\xE2\x82", "\xED\xBF\xBF", "\"", "\\u0000", "\x1b");
    const std::string hostile = text + wedge + tail;
    const std::string out = written(folder, [&](json_writer& w) {
      w.begin_object();
      w.key(hostile);
      w.string(hostile);
      w.end_object();
    });
    const json parsed = json::parse(out);
    const json expected = as_repaired(hostile);
    RC_ASSERT(parsed.size() == 1U);
    RC_ASSERT(parsed.begin().key() == expected.get<std::string>());
    RC_ASSERT(parsed.begin().value() == expected);
  }));
}

TEST_CASE("json_writer: any finite real reads back bit by bit, as a real") {
  const temporary_folder folder;
  CHECK(rc::check([&](std::uint64_t bits) {
    double value = 0;
    static_assert(sizeof value == sizeof bits);
    std::memcpy(&value, &bits, sizeof value);
    RC_PRE(std::isfinite(value));
    const json parsed = json::parse(written(folder, [&](json_writer& w) { w.real(value); }));
    RC_ASSERT(parsed.is_number_float());
    const double back = parsed.get<double>();
    RC_ASSERT(std::memcmp(&back, &value, sizeof value) == 0);
  }));
}

TEST_CASE("json_writer: values larger than its buffer come out whole") {
  const temporary_folder folder;
  std::string large(1'000'003, 'x');
  for (std::size_t i = 0; i < large.size(); i += 101) large[i] = '"';
  for (std::size_t i = 50; i < large.size(); i += 1009) large[i] = '\xFF';
  const std::string out = written(folder, [&](json_writer& w) {
    w.begin_array();
    for (int i = 0; i < 100'000; ++i) w.integer(i);
    w.string(large);
    for (int i = 0; i < 100'000; ++i) w.thousandths(i);
    w.end_array();
  });
  const json parsed = json::parse(out);
  REQUIRE(parsed.size() == 200'001);
  for (int i = 0; i < 100'000; ++i) REQUIRE(parsed[i] == i);
  CHECK(parsed[100'000] == as_repaired(large));
}

TEST_CASE("json_writer: a locale with decimal commas changes nothing") {
  const temporary_folder folder;
  const std::string before = std::setlocale(LC_ALL, nullptr);
  for (const char* name : {"de_DE.UTF-8", "fr_FR.UTF-8", "C.UTF-8"}) {
    std::setlocale(LC_ALL, name);  // where it is not installed, the test only repeats itself
    CHECK(written(folder, [](json_writer& w) { w.real(1234567.25); }) == "1234567.25\n");
  }
  std::setlocale(LC_ALL, before.c_str());
}

TEST_CASE("json_writer: without finish() the destination stays as it was") {
  const temporary_folder folder;
  const std::string path = folder / "out.json";
  written(folder, [](json_writer& w) { w.integer(1); });
  {
    json_writer writer(path);
    writer.string(std::string(1'000'000, 'x'));
    CHECK(folder.names().size() == 2);
  }
  CHECK(read_file(path) == "1\n");
  CHECK(folder.names() == std::vector<std::string>{"out.json"});
}

TEST_CASE("json_writer: a write that fails throws, names the file and leaves nothing") {
  const temporary_folder folder;
  rlimit before{};
  REQUIRE(getrlimit(RLIMIT_FSIZE, &before) == 0);
  const auto handler = std::signal(SIGXFSZ, SIG_IGN);
  rlimit small = before;
  small.rlim_cur = 400'000;
  REQUIRE(setrlimit(RLIMIT_FSIZE, &small) == 0);
  std::string message;
  try {
    written(folder, [](json_writer& w) { w.string(std::string(1'000'000, 'x')); });
  } catch (const latency::error& e) {
    message = e.what();
  }
  setrlimit(RLIMIT_FSIZE, &before);
  std::signal(SIGXFSZ, handler);
  CHECK(message == (folder / "out.json") + ": cannot write: File too large");
  CHECK(folder.names().empty());
}

TEST_CASE("json_writer: a missing folder is an error before anything is written") {
  const temporary_folder folder;
  const std::string path = folder / "missing/out.json";
  CHECK_THROWS_WITH_AS(json_writer{path},
                       (path + ": cannot create: No such file or directory").c_str(),
                       latency::error);
}

// A pipe of the test's own stands for every special file: were it a device of the machine, code
// that breaks this promise would replace the device.
TEST_CASE("json_writer: a special file is written to, not replaced") {
  const temporary_folder folder;
  const std::string path = folder / "pipe";
  REQUIRE(mkfifo(path.c_str(), 0600) == 0);
  const int reader = open(path.c_str(), O_RDWR | O_NONBLOCK | O_CLOEXEC);
  REQUIRE(reader >= 0);
  {
    json_writer writer(path);
    writer.integer(17);
    writer.finish();
  }
  char text[16] = "";
  const ssize_t size = read(reader, text, sizeof text - 1);
  close(reader);
  CHECK(size == 3);
  CHECK(std::string(text) == "17\n");
  CHECK(std::filesystem::is_fifo(path));
  CHECK(folder.names() == std::vector<std::string>{"pipe"});
}

TEST_CASE("json_writer: a symbolic link stays one and its file gets the text") {
  const temporary_folder folder;
  written(folder, [](json_writer& w) { w.integer(1); });
  std::filesystem::create_symlink("out.json", folder / "link.json");
  json_writer writer(folder / "link.json");
  writer.integer(2);
  writer.finish();
  CHECK(std::filesystem::is_symlink(folder / "link.json"));
  CHECK(read_file(folder / "out.json") == "2\n");
}
