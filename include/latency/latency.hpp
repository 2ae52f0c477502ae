#pragma once
// The host core in one include: sessions, scopes, and what happens between them. Standard headers
// only; including it starts no thread. GPU back ends are headers of their own.

#include "async_span.hpp"
#include "context.hpp"
#include "events.hpp"
#include "intern.hpp"
#include "region.hpp"
#include "scope.hpp"
#include "session.hpp"
#include "version.hpp"
