#include "analyzers/timeline/decimal_time.hpp"

#include <doctest/doctest.h>
#include <rapidcheck.h>

#include <string>

#include "latency/saturating.hpp"

using latency::timeline::nanoseconds_of_microseconds;

TEST_CASE("decimal_time: digits are taken as they are, also where a double has too few") {
  CHECK(nanoseconds_of_microseconds("4306327313203.870") == 4306327313203870);
  CHECK(nanoseconds_of_microseconds("1679055451546825") == 1679055451546825000);
  CHECK(nanoseconds_of_microseconds("1790857026000000.001") == 1790857026000000001);
  CHECK(nanoseconds_of_microseconds("1790857026000000.003") == 1790857026000000003);
  CHECK(nanoseconds_of_microseconds("0.5") == 500);
  CHECK(nanoseconds_of_microseconds("-1.25") == -1250);
}

TEST_CASE("decimal_time: a text holds a number, and what follows a number does not matter") {
  CHECK(nanoseconds_of_microseconds("\"12.5\"") == 12500);
  CHECK(nanoseconds_of_microseconds("12.5  \n") == 12500);
}

TEST_CASE("decimal_time: beyond the nanosecond is rounded, half away from zero") {
  CHECK(nanoseconds_of_microseconds("1.2344999") == 1234);
  CHECK(nanoseconds_of_microseconds("1.2345") == 1235);
  CHECK(nanoseconds_of_microseconds("-1.2345") == -1235);
  CHECK(nanoseconds_of_microseconds("0.0004") == 0);
  CHECK(nanoseconds_of_microseconds("0.0005") == 1);
  CHECK(nanoseconds_of_microseconds("4e-4") == 0);
  CHECK(nanoseconds_of_microseconds("5e-4") == 1);
  CHECK(nanoseconds_of_microseconds("9e-9") == 0);
}

TEST_CASE("decimal_time: an exponent moves the point") {
  CHECK(nanoseconds_of_microseconds("1.5e3") == 1500000);
  CHECK(nanoseconds_of_microseconds("1.679055451546825E+15") == 1679055451546825000);
  CHECK(nanoseconds_of_microseconds("15e-1") == 1500);
  CHECK(nanoseconds_of_microseconds("0e99999") == 0);
}

TEST_CASE("decimal_time: what is no time is nothing") {
  for (const char* const text : {"", "\"\"", "-", "null", "true", "{", "[1]", ".5", "1e", "1e99",
                                 "1e99999999999", "2305843009213693.953", "2305843009213694",
                                 "9999999999999999", "99999999999999999999", "1e999999999"})
    CHECK_MESSAGE(!nanoseconds_of_microseconds(text), text);
  CHECK(nanoseconds_of_microseconds("2305843009213693.952") == latency::time_limit_ns);
}

TEST_CASE("decimal_time: what is written with three decimals is read back") {
  CHECK(rc::check([] {
    const auto ns = *rc::gen::inRange<std::int64_t>(0, latency::time_limit_ns);
    std::string text = std::to_string(ns / 1000) + '.';
    text += std::to_string(1000 + ns % 1000).substr(1);
    RC_ASSERT(nanoseconds_of_microseconds(text) == ns);
    RC_ASSERT(nanoseconds_of_microseconds("-" + text) == -ns);
  }));
}
