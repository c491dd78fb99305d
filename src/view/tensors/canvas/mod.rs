//! One picture from the whole file down to a single code: a map of areas, in each tensor's area its matrix, in that its numbers.
//!
//! Going nearer turns the map into the matrix of the tensor in the middle without a jump, and back. What is drawn is what has come so
//! far; what is missing is asked for, and nothing waits for it.

pub mod camera;
mod legend;
mod map;
mod matrix;
mod paint;

use std::sync::Arc;

use egui::{Rect, Response, RichText, Role, Sense, Ui, Vec2, WidgetInfo};

use crate::file::text;
use crate::inspect::Model;
use crate::inspect::browse::treemap::{Meaning, Region, Treemap};
use crate::inspect::pyramid::Reduce;
use crate::state::browse::{Browsing, Wish};
use crate::state::{Action, State};
use crate::units::{grouped, significant};
use crate::view::{Actions, picture, theme};

use camera::{MapCamera, MatrixCamera};
use map::{Map, Tint};
use paint::{Clip, Paint, Textures};

/// How much of the screen a tensor's area covers when its matrix takes over.
const HANDOVER: f32 = 0.96;
/// How much of it when its picture is asked for.
const CHOOSE: f32 = 0.42;
/// Nearer by this for each point that the wheel is turned.
const WHEEL: f64 = 0.004;
/// Nearer by this for each press of a key.
const KEY: f64 = 1.5;

/// Where one is.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Place {
    Map(MapCamera),
    Matrix(MatrixCamera),
}

/// The picture; keeps where one is and how things are coloured.
pub struct Canvas {
    model: Option<Arc<Model>>,
    areas: Treemap,
    place: Option<Place>,
    /// What the place belongs to: another subject begins anew.
    generation: u64,
    tint: Tint,
    reduce: Reduce,
    clip: Clip,
    end: (u64, Clip, f64, f32),
    textures: Textures,
    /// A value to be gone to once its matrix is here.
    going: Option<[usize; 2]>,
    /// The picture's own wish, of which the state says it is on its way.
    keeps_place: bool,
}

impl Default for Canvas {
    fn default() -> Self {
        Self {
            model: None,
            areas: Treemap::default(),
            place: None,
            generation: 0,
            tint: Tint::default(),
            reduce: Reduce::SignedExtreme,
            clip: Clip::default(),
            end: (0, Clip::default(), -1.0, 1.0),
            textures: Textures::default(),
            going: None,
            keeps_place: false,
        }
    }
}

impl Canvas {
    /// Shows all of the file.
    pub fn whole(&mut self) {
        self.place = Some(Place::Map(MapCamera::whole(self.areas.height())));
    }

    /// Goes to a value of the matrix.
    pub fn go_to(&mut self, value: [usize; 2]) {
        self.going = Some(value);
    }

    /// Draws controls, picture and legend into what is left.
    pub fn ui(&mut self, ui: &mut Ui, state: &State, model: &Arc<Model>, actions: &mut Actions) {
        let browsing = &state.browsing;
        self.controls(ui, browsing, actions);
        let legend = legend::HEIGHT;
        let size = Vec2::new(ui.available_width(), (ui.available_height() - legend).max(80.0));
        let (view, response) = ui.allocate_exact_size(size, Sense::click_and_drag());
        ui.painter().rect_filled(view, 0.0, theme::palette(ui).raised);
        self.follow(view, model, browsing);
        self.input(ui, view, &response, browsing, actions);
        self.choose_near(view, browsing, actions);

        let paint = self.paint(ui, browsing);
        let words = match self.place {
            Some(Place::Map(camera)) => {
                let map = Map { model, areas: &self.areas, browsing, tint: self.tint, chosen: browsing.tensor() };
                let textures = &mut self.textures;
                let picture = browsing.picture.as_ref().filter(|_| browsing.subject.is_some());
                map.draw(ui, view, &camera, &mut |painter, place| {
                    if let (Some(picture), Some(paint)) = (picture, paint) {
                        textures.begin(browsing.generation, paint);
                        let id = textures.picture(ui, picture);
                        painter.image(id, place, Rect::from_min_max(egui::pos2(0.0, 0.0), egui::pos2(1.0, 1.0)), theme::AS_IT_IS);
                    }
                });
                let largest = map.largest();
                self.hover_map(ui, view, &camera, &response, model);
                legend::map(ui, self.tint, largest, &Self::words_of_map(model, &camera));
                format!("Map of the file, {} tensors", model.file.tensors.len())
            }
            Some(Place::Matrix(camera)) => {
                if let Some(paint) = paint {
                    let mut wish = matrix::draw(ui, view, &camera, browsing, &mut self.textures, paint);
                    Self::hover_matrix(view, &camera, &response, browsing, &mut wish);
                    if let Some(wish) = wish {
                        actions.push(Action::Browse(wish));
                    }
                }
                legend::matrix(ui, &camera, view, browsing, paint, self.reduce, model);
                let name = browsing.tensor().map(|tensor| text::shown(&model.file.tensors[tensor].name, 120));
                format!("Picture of {}", name.unwrap_or_default())
            }
            None => String::new(),
        };
        response.widget_info(|| WidgetInfo::labeled(Role::Canvas, true, &words));
        if response.has_focus() {
            ui.painter().rect_stroke(view, 0.0, theme::focus(ui), egui::StrokeKind::Inside);
        }
        let all = Rect::from_min_max(view.min, egui::pos2(view.right(), view.bottom() + legend));
        picture::can_be_saved(ui, all, &self.name(model, browsing));
    }

    /// What is shown, in few words.
    fn name(&self, model: &Model, browsing: &Browsing) -> String {
        match (self.place, browsing.tensor()) {
            (Some(Place::Matrix(_)), Some(tensor)) => text::shown(&model.file.tensors[tensor].name, 120),
            _ => format!("{} map", model.label()),
        }
    }

    /// Follows the file and the subject: another one is seen as a whole.
    fn follow(&mut self, view: Rect, model: &Arc<Model>, browsing: &Browsing) {
        let height = f64::from(view.height() / view.width()).clamp(0.25, 4.0);
        let is_new = !self.model.as_ref().is_some_and(|known| Arc::ptr_eq(known, model));
        if is_new || (self.areas.height() / height).ln().abs() > 0.25 {
            self.areas = Treemap::of(model, height);
            if is_new {
                self.model = Some(Arc::clone(model));
                self.generation = browsing.generation;
                self.place = None;
            }
            if matches!(self.place, Some(Place::Map(_))) {
                self.place = None;
            }
        }
        let is_other = std::mem::replace(&mut self.generation, browsing.generation) != browsing.generation;
        let keeps = std::mem::take(&mut self.keeps_place);
        if is_other && !keeps {
            let aspect = f64::from(view.width() / view.height());
            self.place = self.matrix(browsing, aspect).map(Place::Matrix);
        }
        if let Some(Place::Matrix(camera)) = &mut self.place {
            camera.fit(f64::from(view.width() / view.height()));
        }
        if self.place.is_none() {
            self.whole();
        }
        if let (Some(value), Some(Place::Matrix(camera))) = (self.going, &mut self.place) {
            camera.go_to(view, value);
            self.going = None;
        } else if self.going.is_some()
            && let Some(mut camera) = self.matrix(browsing, f64::from(view.width() / view.height()))
        {
            if let Some(value) = self.going.take() {
                camera.go_to(view, value);
            }
            self.place = Some(Place::Matrix(camera));
        }
    }

    /// All of the matrix of the subject, drawn `aspect` as wide as high.
    fn matrix(&self, browsing: &Browsing, aspect: f64) -> Option<MatrixCamera> {
        let tensor = browsing.tensor()?;
        let picture = browsing.picture.as_ref();
        let shape = picture.map(|picture| [picture.rows(), picture.cols()]).or_else(|| {
            let info = &self.model.as_ref()?.file.tensors[tensor];
            let number = |n: u64| usize::try_from(n).unwrap_or(usize::MAX);
            Some([number(info.shape.iter().rev().nth(1).copied().unwrap_or(1)), number(info.row_len())])
        })?;
        Some(MatrixCamera::whole(shape[0], shape[1], aspect))
    }

    fn input(&mut self, ui: &Ui, view: Rect, response: &Response, browsing: &Browsing, actions: &mut Actions) {
        let pointer = response.hover_pos().filter(|at| view.contains(*at));
        let mut factor = 1.0;
        if pointer.is_some() {
            let (wheel, pinch) = ui.input(|input| (input.smooth_scroll_delta().y, input.zoom_delta()));
            factor *= (f64::from(wheel) * WHEEL).exp() * f64::from(pinch);
        }
        if response.has_focus() {
            ui.input_mut(|input| {
                for (key, by) in [(egui::Key::Plus, KEY), (egui::Key::Equals, KEY), (egui::Key::Minus, 1.0 / KEY)] {
                    if input.consume_key(egui::Modifiers::NONE, key) {
                        factor *= by;
                    }
                }
            });
        }
        let at = pointer.unwrap_or_else(|| view.center());
        let drag = if response.dragged() { response.drag_delta() } else { Vec2::ZERO };
        let height = self.areas.height();
        match &mut self.place {
            Some(Place::Map(camera)) => {
                camera.zoom_at(view, height, at, factor);
                camera.pan(view, height, drag);
                if response.clicked()
                    && let Some(tensor) = self.areas.tensor_at(camera.point(view, height, at)).and_then(tensor_of)
                    && browsing.tensor() != Some(tensor)
                {
                    self.keeps_place = true;
                    actions.push(Action::Browse(Wish::Tensor(Some(tensor))));
                }
                if response.double_clicked()
                    && let Some(region) = self.areas.tensor_at(camera.point(view, height, at))
                {
                    *camera = MapCamera::onto(view, height, &region.area, 1.0);
                }
                self.enter(view, browsing);
            }
            Some(Place::Matrix(camera)) => {
                camera.zoom_at(view, at, factor);
                camera.pan(view, drag);
                if response.double_clicked() {
                    camera.zoom_at(view, at, 4.0);
                } else if response.clicked()
                    && let Some(at) = camera.value_at(view, at)
                {
                    actions.push(Action::Browse(Wish::Block(at)));
                }
                let camera = *camera;
                self.leave(view, &camera, browsing);
            }
            None => {}
        }
        if (factor - 1.0).abs() > f64::EPSILON || drag != Vec2::ZERO {
            ui.ctx().request_repaint();
        }
        if response.clicked() {
            response.request_focus();
        }
    }

    /// From the map into the matrix that covers the screen.
    fn enter(&mut self, view: Rect, browsing: &Browsing) {
        let Some(Place::Map(camera)) = self.place else { return };
        let Some(region) = browsing.tensor().and_then(|tensor| self.areas.tensor(tensor)) else { return };
        let place = camera.place(view, self.areas.height(), &region.area);
        let covers = place.width() >= view.width() * HANDOVER || place.height() >= view.height() * HANDOVER;
        if !covers || !place.contains(view.center()) {
            return;
        }
        let Some(mut matrix) = self.matrix(browsing, region.area.width / region.area.height) else { return };
        let whole = matrix.all(view);
        matrix.zoom_at(view, view.center(), f64::from(place.width() / whole.width()));
        let from = matrix.all(view);
        matrix.pan(view, place.center() - from.center());
        self.place = Some(Place::Matrix(matrix));
    }

    /// From a matrix that is left behind back onto the map.
    fn leave(&mut self, view: Rect, camera: &MatrixCamera, browsing: &Browsing) {
        if camera.zoom >= f64::from(HANDOVER) * 0.9 {
            return;
        }
        let Some(region) = browsing.tensor().and_then(|tensor| self.areas.tensor(tensor)) else { return };
        self.place = Some(Place::Map(MapCamera::onto(view, self.areas.height(), &region.area, camera.zoom * 0.98)));
    }

    /// A tensor that takes much of the screen is chosen, so that its picture is there when it is reached.
    fn choose_near(&mut self, view: Rect, browsing: &Browsing, actions: &mut Actions) {
        let Some(Place::Map(camera)) = self.place else { return };
        let height = self.areas.height();
        let Some(region) = self.areas.tensor_at(camera.point(view, height, view.center())) else { return };
        let place = camera.place(view, height, &region.area);
        let is_large = place.width() >= view.width() * CHOOSE || place.height() >= view.height() * CHOOSE;
        if is_large
            && camera.zoom > 1.0
            && let Some(tensor) = tensor_of(region)
            && browsing.tensor() != Some(tensor)
        {
            self.keeps_place = true;
            actions.push(Action::Browse(Wish::Tensor(Some(tensor))));
        }
    }

    /// How values are drawn, where there are any.
    fn paint(&mut self, ui: &Ui, browsing: &Browsing) -> Option<Paint> {
        let picture = browsing.picture.as_ref()?;
        let stats = browsing.stats.as_ref();
        // What is known of a part of the values changes too often to draw by.
        let complete = stats.filter(|(_, share)| *share >= 1.0).map(|(stats, _)| &**stats);
        let known = if complete.is_some() { 2.0 } else { picture.share_read() };
        if (self.end.0, self.end.1, self.end.2) != (browsing.generation, self.clip, known) {
            self.end = (browsing.generation, self.clip, known, self.clip.end(complete, picture));
        }
        Some(Paint { reduce: self.reduce, end: self.end.3, dark: theme::palette(ui).dark })
    }

    fn controls(&mut self, ui: &mut Ui, browsing: &Browsing, actions: &mut Actions) {
        ui.horizontal(|ui| {
            ui.set_min_height(theme::CONTROL + theme::GRID);
            ui.spacing_mut().item_spacing.x = 6.0;
            let on_map = !matches!(self.place, Some(Place::Matrix(_)));
            if !on_map && crate::view::widgets::quiet(ui, Some(crate::view::icons::TENSORS), "Whole file").clicked() {
                self.whole();
            }
            if on_map {
                combo(ui, "Colours of the map", &mut self.tint, &Tint::ALL);
                if self.tint.needs_counting() {
                    count_button(ui, browsing, actions);
                }
            } else {
                let reduces = [(Reduce::SignedExtreme, "signed extreme"), (Reduce::Mean, "mean"), (Reduce::AbsMax, "largest magnitude")];
                combo(ui, "What stands for many values", &mut self.reduce, &reduces);
                combo(ui, "Where colours end", &mut self.clip, &Clip::ALL);
            }
        });
    }

    fn hover_map(&self, ui: &Ui, view: Rect, camera: &MapCamera, response: &Response, model: &Model) {
        let Some(at) = response.hover_pos().filter(|at| view.contains(*at)) else { return };
        let Some(tensor) = self.areas.tensor_at(camera.point(view, self.areas.height(), at)).and_then(tensor_of) else { return };
        let info = &model.file.tensors[tensor];
        let shape = super::columns::shape(&info.shape);
        let words = format!("{}\n{shape}  {}\n{}", text::shown(&info.name, 120), info.dtype.name(), info.bytes.exact());
        if let Some(region) = self.areas.tensor(tensor) {
            let place = camera.place(view, self.areas.height(), &region.area).intersect(view);
            ui.painter().rect_stroke(place, 1.0, (1.0, theme::palette(ui).ink), egui::StrokeKind::Inside);
        }
        response.clone().on_hover_ui_at_pointer(|ui| {
            ui.label(RichText::new(words).text_style(theme::small_mono()));
        });
    }

    /// Row, column and value under the pointer; the tile that has it is asked for with the others.
    fn hover_matrix(view: Rect, camera: &MatrixCamera, response: &Response, browsing: &Browsing, wish: &mut Option<Wish>) {
        let Some([row, col]) = response.hover_pos().filter(|at| view.contains(*at)).and_then(|at| camera.value_at(view, at)) else {
            return;
        };
        let value = matrix::value(browsing, [row, col]);
        if value.is_none() {
            let key = matrix::key_of([row, col]);
            match wish {
                Some(Wish::Tiles(keys)) if keys.contains(&key) => {}
                Some(Wish::Tiles(keys)) => keys.push(key),
                _ => *wish = Some(Wish::Tiles(vec![key])),
            }
        }
        let value = value.map_or_else(|| "…".to_owned(), |value| format!("{value}"));
        let words = format!("row {}  column {}\n{value}", grouped(row as u64), grouped(col as u64));
        response.clone().on_hover_ui_at_pointer(|ui| {
            ui.label(RichText::new(words).text_style(theme::small_mono()));
        });
    }

    fn words_of_map(model: &Model, camera: &MapCamera) -> String {
        let magnification = camera.zoom * camera.zoom;
        let many = grouped(model.file.tensors.len() as u64);
        format!("{many} tensors · × {}", significant(magnification))
    }
}

fn tensor_of(region: &Region) -> Option<usize> {
    if let Meaning::Tensor(tensor) = region.meaning { Some(tensor) } else { None }
}

fn combo<T: Copy + PartialEq>(ui: &mut Ui, name: &str, chosen: &mut T, options: &[(T, &str)]) {
    let words = options.iter().find(|(value, _)| value == chosen).map_or("", |(_, words)| words);
    let response = egui::ComboBox::from_id_salt(name).selected_text(words).show_ui(ui, |ui| {
        for (value, words) in options {
            ui.selectable_value(chosen, *value, *words);
        }
    });
    response.response.on_hover_text(name).accessible_name(name);
}

fn count_button(ui: &mut Ui, browsing: &Browsing, actions: &mut Actions) {
    use crate::view::{icons, widgets};
    match browsing.survey.progress() {
        Some(share) => {
            widgets::small(ui, format!("counting all values, {}", crate::units::percent(*share)));
            if widgets::icon_button(ui, icons::STOP, "Stop counting").clicked() {
                actions.push(Action::Browse(Wish::StopSurvey));
            }
        }
        None if browsing.survey.ready().is_none() && widgets::button(ui, None, "Count all values").clicked() => {
            actions.push(Action::Browse(Wish::Survey));
        }
        None => {}
    }
}
