//! Children by key, in constant time. A key is a place and how often it was taken before.

use crate::supervision::machine::child::Child;
use crate::supervision::machine::event::Key;

/// How many bits of a key are the place.
const PLACE_BITS: u32 = 32;

/// Children by key; places of children that are gone are taken again, their keys never.
#[derive(Debug, Default)]
pub(super) struct Slab {
    places: Vec<Place>,
    free: Vec<u32>,
}

#[derive(Debug, Default)]
struct Place {
    /// How often the place was given back.
    taken: u32,
    child: Option<Box<Child>>,
}

impl Slab {
    /// The key that the next child will get.
    pub(super) fn next_key(&self) -> Key {
        let place = self.free.last().copied().unwrap_or_else(|| self.end());
        let taken = self.places.get(at(place)).map_or(0, |place| place.taken);
        key(place, taken)
    }

    /// Keeps the child that was made with [`Slab::next_key`].
    pub(super) fn insert(&mut self, child: Child) {
        let place = match self.free.pop() {
            Some(place) => at(place),
            None => {
                self.places.push(Place::default());
                self.places.len() - 1
            }
        };
        self.places[place].child = Some(Box::new(child));
    }

    pub(super) fn get(&self, key: Key) -> Option<&Child> {
        let place = self.places.get(at(place_of(key)))?;
        place.child.as_deref().filter(|child| child.key == key)
    }

    pub(super) fn get_mut(&mut self, key: Key) -> Option<&mut Child> {
        let place = self.places.get_mut(at(place_of(key)))?;
        place.child.as_deref_mut().filter(|child| child.key == key)
    }

    pub(super) fn remove(&mut self, key: Key) -> Option<Child> {
        self.get(key)?;
        let place = &mut self.places[at(place_of(key))];
        let child = place.child.take()?;
        // A place that was taken as often as can be counted is not taken again: no key comes twice.
        if let Some(taken) = place.taken.checked_add(1) {
            place.taken = taken;
            self.free.push(place_of(key));
        }
        Some(*child)
    }

    /// All children, in no order that means anything.
    pub(super) fn iter(&self) -> impl Iterator<Item = &Child> {
        self.places
            .iter()
            .filter_map(|place| place.child.as_deref())
    }

    fn end(&self) -> u32 {
        u32::try_from(self.places.len()).expect("memory ends before the places of a slab")
    }
}

fn key(place: u32, taken: u32) -> Key {
    Key(u64::from(taken) << PLACE_BITS | u64::from(place))
}

fn place_of(key: Key) -> u32 {
    u32::try_from(key.0 & u64::from(u32::MAX)).unwrap_or(u32::MAX)
}

fn at(place: u32) -> usize {
    place as usize
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fault::Generation;
    use crate::supervision::ChildPolicy;

    fn put(slab: &mut Slab) -> Key {
        let key = slab.next_key();
        slab.insert(Child::new(key, ChildPolicy::worker("w"), Generation::NONE));
        key
    }

    #[test]
    fn a_place_is_taken_again_but_no_key_comes_twice() {
        let mut slab = Slab::default();
        let first = put(&mut slab);
        let other = put(&mut slab);
        assert!(slab.remove(first).is_some());
        assert!(slab.remove(first).is_none());
        let second = put(&mut slab);
        assert_ne!(first, second);
        assert_eq!(place_of(first), place_of(second));
        assert!(slab.get(first).is_none() && slab.get_mut(first).is_none());
        assert!(slab.get(second).is_some() && slab.get(other).is_some());
        assert_eq!(slab.iter().count(), 2);
    }
}
