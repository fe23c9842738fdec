// ipld: blocks, what is in them and how they hang together (ipld.io).
//
//   block.hpp     Block, BlockSource, BlockSink         content.hpp   hashing, checking, identity
//   CIDs value.hpp     the data model                        codec.hpp     values of and to any
//   codec dag_pb.hpp, dag_cbor.hpp, dag_json.hpp              links.hpp     the links of any block
//   path.hpp      paths inside a block                  car.hpp       archives
//   walk.hpp      DagWalk: all blocks below a root      memory_blocks.hpp  blocks in a map
//   error.hpp, limits.hpp
//
// Codecs and CAR are pure: no I/O, no clock, safe on any thread. content.hpp's get_block and
// DagWalk await a BlockSource, on the loop. Decoders are strict and bounded; what they refuse has
// an IpldError.
#pragma once

#include <kith/ipld/block.hpp>
#include <kith/ipld/car.hpp>
#include <kith/ipld/codec.hpp>
#include <kith/ipld/content.hpp>
#include <kith/ipld/dag_cbor.hpp>
#include <kith/ipld/dag_json.hpp>
#include <kith/ipld/dag_pb.hpp>
#include <kith/ipld/error.hpp>
#include <kith/ipld/limits.hpp>
#include <kith/ipld/links.hpp>
#include <kith/ipld/memory_blocks.hpp>
#include <kith/ipld/path.hpp>
#include <kith/ipld/value.hpp>
#include <kith/ipld/walk.hpp>
